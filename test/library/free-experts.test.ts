import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { convertModel, type ExpertMask, type Intervention, loadModel, type Model, type Session } from '#molm/index.js'
import { fixturePath, repositoryPath } from '../support/fixtures.js'
import { withModel } from '../support/models.js'
import { rejectsWithUserError, thrownBy } from '../support/rejects.js'
import { until } from '../support/until.js'

const test = suite('experts that are freed')
const INTERVENTIONS: Intervention[] = [{ layer: 4, part: 'mlp', replace: 'zero' }]
const MASK: ExpertMask = { mlp: [[0, 1]], gates: 'all', interventions: INTERVENTIONS }

let folder = ''
let nano = ''
test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'molm-free-experts-'))
  nano = join(folder, 'nano')
  await convertModel(repositoryPath('models/nano'), nano, { threads: 1 })
})
test.after(() => rm(folder, { recursive: true, force: true }))

async function greedy(session: Session, prompt: string, maxTokens = 6): Promise<number[]> {
  const tokens: number[] = []
  // Drafts would count among the tokens that were run.
  const options = { temperature: 0, maxTokens, promptLookupNumTokens: 0 }
  for await (const { token } of session.generate(prompt, options)) tokens.push(token)
  return tokens
}

/** Texts of two sessions, one of them masked; `between` is called after their first half. */
async function halves(model: Model, between: () => Promise<unknown>): Promise<number[][]> {
  const sessions = [model.createSession(), model.createSession({ mask: MASK })]
  const texts: number[][] = []
  for (const session of sessions) texts.push(await greedy(session, 'The lantern'))
  await between()
  for (const session of sessions) texts.push(await greedy(session, ' and the sea'))
  return texts
}

test('are read again: sessions, masks and counts continue as if nothing had happened', async () => {
  const run = (frees: boolean) =>
    withModel(nano, { threads: 2 }, async (model) => {
      await model.maskExperts({ attention: [[2]], gates: 'all' })
      await model.setExpertsPerToken({ attention: 2, mlp: 1 })
      const texts = await halves(model, async () => frees && assert.ok(await model.freeExperts()))
      const { tokensProcessed, microBatches } = await model.stats()
      return { texts, uses: await model.expertUses(), tokensProcessed, microBatches }
    })
  assert.equal(await run(true), await run(false))
})

test('leave the caches and the dense weights in memory, and are freed between the calls before and after', () =>
  withModel(nano, { threads: 2 }, async (model) => {
    const [early, late] = [model.createSession(), model.createSession()]
    await greedy(early, 'The lantern')
    await until(async () => (await model.stats()).weightsBytes === model.info.bytes, 'all experts')
    const before = await model.stats()
    await model.freeExperts()
    const after = await model.stats()
    assert.ok(after.weightsBytes < before.weightsBytes / 2, `${before.weightsBytes} ${after.weightsBytes}`)
    assert.is(after.cacheBytes, before.cacheBytes)
    assert.is(after.bytesRead >= before.bytesRead, true)
    await new Promise((resolve) => setTimeout(resolve, 100))
    assert.is((await model.stats()).weightsBytes, after.weightsBytes, 'no expert is read before it is wanted')

    early.truncate(0)
    const running = greedy(early, 'The lantern', 20)
    const freed = Promise.all([model.freeExperts(), model.freeExperts()])
    const waiting = greedy(late, 'The lantern', 20)
    assert.equal(await running, await waiting)
    assert.equal(await freed, [true, true])
    const aborted = model.freeExperts()
    const signal = AbortSignal.abort()
    assert.ok(await thrownBy(late.forward([5], { signal })))
    await aborted
    assert.is(late.length, early.length)
  }))

test('are lost if the file has gone: this and later calls reject', async () => {
  const copy = join(folder, 'copy')
  await cp(nano, copy, { recursive: true })
  await withModel(copy, { threads: 1 }, async (model) => {
    const session = model.createSession()
    await session.forward([5])
    await rm(copy, { recursive: true })
    await rejectsWithUserError(() => model.freeExperts(), /no such file/)
    assert.match(String(await thrownBy(model.stats())), /no such file/)
    assert.match(String(await thrownBy(session.forward([5]))), /no such file/)
  })
})

test('do not keep a model from being disposed', async () => {
  const model = await loadModel(nano, { threads: 1 })
  const freed = thrownBy(model.freeExperts())
  const stats = thrownBy(model.stats())
  await model.dispose()
  assert.match(String(await freed), /disposed/)
  assert.match(String(await stats), /disposed/)
})

test('are freed in packed models only', () =>
  withModel(fixturePath('02-base-safetensors-f32'), { threads: 1 }, async (model) => {
    assert.not(await model.freeExperts())
    assert.is((await model.createSession().forward([5, 9])).logits.length > 0, true)
  }))

test.run()
