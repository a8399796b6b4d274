import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { ApiError, ClientGone } from '#molm/server/errors.js'
import { interleaved } from '#molm/server/interleaved.js'
import { Queue } from '#molm/server/queue.js'
import { thrownBy } from '../support/rejects.js'

const test = suite('the queue')

const turn = () => new Promise((resolve) => setImmediate(resolve))

test('so many sequences run at once; the others start in the order in which they came', async () => {
  const queue = new Queue({ parallel: 2, waiting: 10 })
  const tickets = Array.from({ length: 5 }, () => queue.enter())
  const begun: number[] = []
  const releases = tickets.map(async (ticket, i) => {
    const release = await ticket.slot()
    begun.push(i)
    return release
  })
  await turn()
  assert.equal(begun, [0, 1])
  assert.equal(queue.counts, { running: 2, waiting: 3 })
  for (const [done, next] of [
    [1, 2],
    [0, 3],
    [2, 4],
  ]) {
    ;(await releases[done])()
    tickets[done].leave()
    await turn()
    assert.is(begun.at(-1), next)
  }
})

test('a request that finds the queue full is told when to come again', () => {
  const queue = new Queue({ parallel: 1, waiting: 2 })
  queue.enter().slot()
  queue.enter()
  queue.enter()
  try {
    queue.enter()
    assert.unreachable()
  } catch (error) {
    assert.instance(error, ApiError)
    const { status, details } = error as ApiError
    assert.is(status, 429)
    assert.ok((details.retryAfter ?? 0) >= 1)
  }
})

test('a client that goes gives up its place', async () => {
  const queue = new Queue({ parallel: 1, waiting: 5 })
  const first = queue.enter()
  const release = await first.slot()
  const gone = new AbortController()
  const second = queue.enter(gone.signal)
  const third = queue.enter()
  const waits = thrownBy(second.slot())
  const next = third.slot()
  gone.abort()
  assert.instance(await waits, ClientGone)
  second.leave()
  release()
  assert.type(await next, 'function')
  // Who has gone before it has asked is not let in either.
  assert.instance(await thrownBy(queue.enter(gone.signal).slot()), ClientGone)
})

test('closing lets what runs end, also sequences of its that are yet to come, and refuses all else', async () => {
  const queue = new Queue({ parallel: 1, waiting: 5 })
  const running = queue.enter()
  const release = await running.slot()
  const waiting = queue.enter()
  const refused = thrownBy(waiting.slot())
  let isClosed = false
  const closed = queue.close(10_000).then(() => {
    isClosed = true
  })
  assert.is(((await refused) as ApiError).status, 503)
  waiting.leave()
  assert.throws(() => queue.enter(), /closing/)
  const more = running.slot()
  release()
  ;(await more)()
  await turn()
  assert.not.ok(isClosed)
  running.leave()
  await closed
})

test('closing does not wait for ever', async () => {
  const queue = new Queue({ parallel: 1, waiting: 5 })
  const ticket = queue.enter()
  await ticket.slot()
  ticket.signal.addEventListener('abort', () => ticket.leave())
  await queue.close(20)
  assert.is((ticket.signal.reason as ApiError).status, 503)
})

async function* numbers(name: string, count: number, log: string[]): AsyncGenerator<string, number> {
  try {
    for (let i = 0; i < count; i++) {
      await turn()
      if (name === 'bad' && i === 1) throw new Error('bad')
      yield `${name}${i}`
    }
    return count
  } finally {
    log.push(`${name} ended`)
  }
}

test('several generators are run so many at once, each in its turn', async () => {
  const log: string[] = []
  const counts: number[] = []
  const sources = ['a', 'b', 'c'].map((name, i) => () => numbers(name, i + 1, log))
  const options = { ended: (index: number, count: number) => counts.push(index, count), stop: assert.unreachable }
  const values: string[] = []
  for await (const { index, value } of interleaved(sources, 2, options)) values.push(`${index}${value}`)
  assert.equal(values.sort(), ['0a0', '1b0', '1b1', '2c0', '2c1', '2c2'])
  assert.equal(counts, [0, 1, 1, 2, 2, 3])
  assert.is(log[0], 'a ended')
})

test('where one fails or the reader leaves, the others are stopped and ended', async () => {
  for (const leaves of [true, false]) {
    const log: string[] = []
    let stops = 0
    const options = { ended: () => undefined, stop: () => stops++ }
    const sources = ['good', 'bad'].map((name) => () => numbers(name, 5, log))
    const run = async () => {
      for await (const _ of interleaved(sources, 2, options)) if (leaves) break
    }
    const error = await thrownBy(run())
    assert.is((error as Error | undefined)?.message, leaves ? undefined : 'bad')
    assert.equal(log.sort(), ['bad ended', 'good ended'])
    assert.is(stops, 1)
  }
})

test.run()
