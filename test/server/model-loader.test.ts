import { setTimeout as wait } from 'node:timers/promises'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { UserError } from '#molm/ground/errors.js'
import { ApiError, ClientGone } from '#molm/server/common/api-error.js'
import { thrownBy } from '../support/rejects.js'
import { until, untilTurn } from '../support/until.js'
import { ScriptedModels } from './scripted-models.js'

const test = suite('loading and freeing of models')

const A = { name: 'a' }
const B = { name: 'b' }
const C = { name: 'c' }

/** Memory for one of these models. */
const ONE = { weightsBytes: 150 }

test('loads a model when it is named, and keeps models that fit together', async () => {
  const models = await ScriptedModels.started([A, B, C], { weightsBytes: 250 })
  assert.equal(models.states, { a: 'loaded', b: 'unloaded', c: 'unloaded' })
  await models.request('b')
  await models.request('a')
  assert.equal(models.log, ['a in', 'b in'])
  await models.request('c')
  assert.equal(models.log, ['a in', 'b in', 'b out', 'c in'], 'the one used least recently makes room')
})

/** Work of a request that lasts until the test ends it. */
function endless(): { work: Promise<void>; end: () => void } {
  let end = () => {}
  const work = new Promise<void>((resolve) => {
    end = resolve
  })
  return { work, end }
}

test('does not free a model that is in use', async () => {
  const models = await ScriptedModels.started([A, B, C], { weightsBytes: 250 })
  const { work, end } = endless()
  const long = models.request('a', work)
  await models.request('b')
  await models.request('c')
  assert.equal(models.log, ['a in', 'b in', 'b out', 'c in'])
  end()
  await long
})

test('waits for a model that is in use if no other can go', async () => {
  const models = await ScriptedModels.started([A, B], ONE)
  const ended: string[] = []
  const long = models.request('a', 40).then(() => ended.push('a'))
  await models.request('b').then(() => ended.push('b'))
  await long
  assert.equal(ended, ['a', 'b'])
  assert.is(models.mostAtOnce, 1)
})

test('serves fifty requests over three models with room for one, each in its turn', async () => {
  const models = await ScriptedModels.started([A, B, C], ONE)
  const names = Array.from({ length: 50 }, (_, i) => 'abc'[(i * 7) % 3])
  const order: string[] = []
  await Promise.all(names.map((name, i) => models.request(name, 1 + (i % 3)).then(() => order.push(name))))
  assert.equal([...order].sort(), [...names].sort())
  assert.is(models.mostAtOnce, 1)
  assert.equal(models.log, ['a in', 'a out', 'b in', 'b out', 'c in'], 'all that wait for a model share one load')
})

test('serves clients that keep asking for three models, with room for one', async () => {
  const models = await ScriptedModels.started([A, B, C], ONE)
  const client = async (name: string) => {
    for (let i = 0; i < 12; i++) await models.request(name, i % 4)
  }
  await Promise.all(['a', 'b', 'c', 'a', 'b', 'c'].map(client))
  const loads = models.log.filter((line) => line.endsWith(' in'))
  for (const [i, line] of loads.entries()) {
    const next = loads.indexOf(line, i + 1)
    if (next > 0) assert.ok(next - i <= 3, `a turn of each other model, then again: ${loads}`)
  }
  assert.is(models.mostAtOnce, 1)
})

test('does not let a model that is always in use keep others out', async () => {
  const models = await ScriptedModels.started([A, B], ONE)
  let isOver = false
  const busy = [0, 1].map(async (i) => {
    await wait(i * 5)
    while (!isOver) await models.request('a', 10)
  })
  await wait(20)
  await models.request('b')
  isOver = true
  await Promise.all(busy)
  assert.equal(models.log.slice(0, 4), ['a in', 'a out', 'b in', 'b out'])
})

test('starts the requests of a model again if the one that it was to make room for has gone', async () => {
  const models = await ScriptedModels.started([A, B], ONE)
  const { work, end } = endless()
  const long = models.request('a', work)
  const controller = new AbortController()
  const other = thrownBy(models.request('b', 1, controller.signal))
  await wait(5)
  const second = models.request('a')
  assert.is(models.served.counts.waiting, 2)
  controller.abort()
  assert.instance(await other, ClientGone)
  await second
  assert.equal(models.log, ['a in'])
  end()
  await long
})

test('finishes a load whose only client has gone', async () => {
  const models = await ScriptedModels.started([A, { ...B, loadMs: 20 }])
  const controller = new AbortController()
  const other = thrownBy(models.request('b', 1, controller.signal))
  await untilTurn(() => models.states.b === 'loading')
  controller.abort()
  assert.instance(await other, ClientGone)
  await models.request('b')
  assert.equal(models.log, ['a in', 'b in'])
  assert.instance(await thrownBy(models.request('b', 1, AbortSignal.abort())), ClientGone)
})

test('loads one model at a time', async () => {
  const models = await ScriptedModels.started([A, { ...B, loadMs: 10 }, { ...C, loadMs: 10 }])
  await Promise.all(['b', 'c', 'b', 'c'].map((name) => models.request(name)))
  assert.equal(models.log, ['a in', 'b in', 'c in'])
  assert.is(models.mostLoading, 1)
})

test('refuses all that wait for a model that cannot be loaded, in words, and tries again later', async () => {
  let isGone = true
  const onLoad = () => {
    if (isGone) throw new UserError('/models/b: no such file or folder')
  }
  const models = await ScriptedModels.started([A, { ...B, onLoad }])
  const refused = await Promise.all([thrownBy(models.request('b')), thrownBy(models.request('b'))])
  for (const error of refused) {
    assert.instance(error, ApiError)
    const { status, message, details } = error as ApiError
    assert.equal([status, details.code], [503, 'model_unavailable'])
    assert.is(message, 'b cannot be loaded: /models/b: no such file or folder')
  }
  assert.ok(models.served.named('b').hasFailed)
  await models.request('a')
  isGone = false
  await models.request('b')
  assert.not(models.served.named('b').hasFailed)
})

test('gives a model that does not fit what there is, and refuses one that never will', async () => {
  const large = { name: 'large', bytes: 500, leastBytes: 120 }
  const huge = { name: 'huge', bytes: 900, leastBytes: 200 }
  const models = await ScriptedModels.started([A, large, huge], ONE)
  await models.request('large')
  assert.equal([...models.inMemory], [['large', 150]])
  const error = (await thrownBy(models.request('huge'))) as ApiError
  assert.is(error.status, 503)
  assert.match(error.message, /^huge needs at least .* of memory; it can have /)
  await models.request('a')
  assert.equal([...models.inMemory], [['a', 100]])
})

test('without a limit, looks at the free memory, and at what loaded models are yet to read', async () => {
  let free = 1000
  const process = { available: () => free, used: () => 0 }
  const models = await ScriptedModels.started([A, B, C], { memory: process, margin: 800 })
  await models.request('b')
  assert.equal(models.log, ['a in', 'b in'])
  free = 850
  await models.request('c')
  assert.is(models.inMemory.has('a') && models.inMemory.has('b'), false)
})

test('is bounded', async () => {
  const models = await ScriptedModels.started([A, B], { ...ONE, limits: { waiting: 3 } })
  const long = models.request('a', 30)
  const waiting = [1, 2, 3].map(() => models.request('b'))
  const error = (await thrownBy(models.request('b'))) as ApiError
  assert.equal([error.status, error.details.code], [429, 'queue_full'])
  await Promise.all([long, ...waiting])
})

test('leaves other clients their share of what may wait', async () => {
  const models = await ScriptedModels.started([A, B], { ...ONE, limits: { waiting: 4 } })
  const { work, end } = endless()
  const long = models.request('a', work)
  const ask = (client: string) => models.request('b', 1, undefined, client)
  const waiting = [...Array.from({ length: 4 }, () => ask('greedy')), ask('other'), ask('other')]
  for (const client of ['greedy', 'other']) assert.is(((await thrownBy(ask(client))) as ApiError).status, 429)
  end()
  await Promise.all([long, ...waiting])
})

test('ends a load and refuses all that wait when the server closes', async () => {
  const models = await ScriptedModels.started([A, { ...B, loadMs: 100_000 }, C])
  const waiting = ['b', 'c', 'b'].map((name) => thrownBy(models.request(name)))
  await until(() => models.states.b === 'loading')
  await models.served.drain(1000)
  for (const error of await Promise.all(waiting)) assert.is((error as ApiError).details.code, 'closing')
  assert.is(((await thrownBy(models.request('a'))) as ApiError).details.code, 'closing')
  await models.served.dispose()
  assert.is(models.inMemory.size, 0)
})

test('frees experts of an idle model first, then the rest, and loads it again', async () => {
  const models = await ScriptedModels.started([A, B], { idleMs: 40 })
  await untilTurn(() => models.states.a === 'sleeping')
  assert.equal(models.log, ['a in', 'a experts out'])
  await models.request('a')
  assert.is(models.states.a, 'loaded')
  await until(() => models.states.a === 'unloaded')
  assert.equal(models.log, ['a in', 'a experts out', 'a experts out', 'a out'])
  await models.request('a')
  assert.is(models.states.a, 'loaded')
  await models.served.drain(0)
})

test('does not count a model with a request as idle, however long that takes', async () => {
  const models = await ScriptedModels.started([A], { idleMs: 20 })
  await models.request('a', 100)
  assert.equal(models.log, ['a in'])
  await models.served.drain(0)
})

test('keeps a model whole that is not packed, and frees all of it in the end', async () => {
  const models = await ScriptedModels.started([{ ...A, onFree: () => false }], { idleMs: 20 })
  await until(() => models.states.a === 'unloaded')
  assert.equal(models.log, ['a in', 'a out'])
  await models.served.drain(0)
})

test('lets requests that come while experts are freed wait for it', async () => {
  let isFreed: () => void = () => undefined
  const freed = new Promise<void>((resolve) => {
    isFreed = resolve
  })
  const onFree = () => freed.then(() => true)
  const models = await ScriptedModels.started([{ ...A, onFree }, B], { idleMs: 20 })
  await wait(40)
  const requests = [models.request('a'), models.request('b')]
  await wait(20)
  assert.is(models.served.counts.waiting, 2)
  isFreed()
  await Promise.all(requests)
  assert.equal(models.log.slice(0, 3), ['a in', 'a experts out', 'b in'])
  await models.served.drain(0)
})

test('frees all of a model whose experts cannot be read again', async () => {
  const lines: string[] = []
  const onFree = () => {
    throw new UserError('a.safetensors: no such file')
  }
  const models = await ScriptedModels.started([{ ...A, onFree }], { idleMs: 20, onModel: (line) => lines.push(line) })
  await until(() => models.states.a === 'unloaded')
  assert.equal(lines, ['a: memory freed: a.safetensors: no such file'])
  await models.request('a')
  assert.is(models.states.a, 'loaded')
  await models.served.drain(0)
})

test('refuses two models of one name', async () => {
  const error = await thrownBy(ScriptedModels.started([A, B, A]))
  assert.match(String(error), /two models are called a: give each a name/)
})

test.run()
