import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { convertModel, type ExpertMask, loadModel, type Model, type Session } from '#molm/index.js'
import { repositoryPath } from '../support/fixtures.js'
import { withModel } from '../support/models.js'
import { writeRandomPacked } from '../support/random-packed.js'
import { rejectsWithUserError, thrownBy } from '../support/rejects.js'
import { inTemporaryFolder } from '../support/temporary-folder.js'

const test = suite('experts that are freed')
const MASK: ExpertMask = { mlp: [[0, 1]], gates: 'all' }

/** Runs `use` with the folder of a packed nano. */
async function withPackedNano(use: (folder: string) => Promise<void>): Promise<void> {
  await inTemporaryFolder(async (dir) => {
    const folder = join(dir, 'nano')
    await convertModel(repositoryPath('models/nano'), folder, { threads: 1 })
    await use(folder)
  })
}

async function greedy(session: Session, prompt: string, maxTokens = 12): Promise<number[]> {
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

test('are read again: sessions, masks and counts continue as if nothing had happened', () =>
  withPackedNano(async (folder) => {
    const run = (frees: boolean) =>
      withModel(folder, { threads: 2 }, async (model) => {
        await model.maskExperts({ attention: [[2]], gates: 'all' })
        await model.setExpertsPerToken({ attention: 2, mlp: 1 })
        const texts = await halves(model, async () => frees && assert.ok(await model.freeExperts()))
        const { tokensProcessed, microBatches } = await model.stats()
        return { texts, uses: await model.expertUses(), tokensProcessed, microBatches }
      })
    assert.equal(await run(true), await run(false))
  }))

test('leave the caches and the dense weights in memory', () =>
  withPackedNano((folder) =>
    withModel(folder, { threads: 2 }, async (model) => {
      const session = model.createSession()
      await greedy(session, 'The lantern')
      const before = await model.stats()
      await model.freeExperts()
      const after = await model.stats()
      assert.ok(after.weightsBytes < before.weightsBytes / 2, `${before.weightsBytes} ${after.weightsBytes}`)
      assert.is(after.cacheBytes, before.cacheBytes)
      assert.is(after.bytesRead >= before.bytesRead, true)
      await new Promise((resolve) => setTimeout(resolve, 300))
      assert.is((await model.stats()).weightsBytes, after.weightsBytes, 'no expert is read before it is wanted')
    }),
  ))

test('are freed after the calls that run, and before those that come', () =>
  withPackedNano((folder) =>
    withModel(folder, { threads: 2 }, async (model) => {
      const [early, late] = [model.createSession(), model.createSession()]
      const running = greedy(early, 'The lantern', 40)
      const freed = Promise.all([model.freeExperts(), model.freeExperts()])
      const waiting = greedy(late, 'The lantern', 40)
      assert.equal(await running, await waiting)
      assert.equal(await freed, [true, true])
      const aborted = model.freeExperts()
      const signal = AbortSignal.abort()
      assert.ok(await thrownBy(late.forward([5], { signal })))
      await aborted
      assert.is(late.length, early.length)
    }),
  ))

test('are lost if the file has gone: this and later calls reject', () =>
  withPackedNano(async (folder) => {
    const model = await loadModel(folder, { threads: 2 })
    const session = model.createSession()
    await greedy(session, 'The lantern')
    await rm(folder, { recursive: true })
    await rejectsWithUserError(() => model.freeExperts(), /no such file/)
    assert.match(String(await thrownBy(model.stats())), /no such file/)
    assert.match(String(await thrownBy(session.forward([5]))), /no such file/)
    await model.dispose()
  }))

test('do not keep a model from being disposed', () =>
  withPackedNano(async (folder) => {
    const model = await loadModel(folder, { threads: 2 })
    const freed = thrownBy(model.freeExperts())
    const stats = thrownBy(model.stats())
    await model.dispose()
    assert.match(String(await freed), /disposed/)
    assert.match(String(await stats), /disposed/)
  }))

test('are those of packed models only', () =>
  withModel('nano', { threads: 1 }, async (model) => {
    assert.not(await model.freeExperts())
    assert.is((await greedy(model.createSession(), 'The lantern')).length, 12)
  }))

test('give their memory back to the system', () =>
  inTemporaryFolder(async (dir) => {
    const bytes = await writeRandomPacked(dir, 3)
    const rss = () => process.memoryUsage.rss()
    const before = rss()
    await withModel(dir, { threads: 2 }, async (model) => {
      const session = model.createSession()
      for (let i = 0; (await model.stats()).weightsBytes < bytes; i++) await session.forward([i])
      const full = rss()
      await model.freeExperts()
      const freed = rss()
      await session.forward([5])
      assert.ok(full - before > 0.9 * bytes, `${full - before} of ${bytes} bytes are resident`)
      assert.ok(full - freed > 0.6 * bytes, `${full - freed} of ${bytes} bytes are freed`)
    })
  }))

test.run()
