import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { summarise, summariseInterrupted } from '#molm/cli/commands/run/summary.js'
import type { LoadOptions } from '#molm/index.js'
import { fixturePath } from '../support/fixtures.js'
import { withModel } from '../support/models.js'
import { molm } from './molm.js'

const COUNTS = { promptTokens: 3, tokens: [1], prefillMs: 1, decodeMs: 1 }
const RESULT = { ...COUNTS, finishReason: 'length', seed: 1, text: '' } as const
const RUN = { result: RESULT, promptTokens: 3, cachedTokens: 0 }

/** The attention depth in the stats of a model and in the summary of a run, before a token and after some. */
function depthsOf(name: string) {
  return withModel(fixturePath(name), { threads: 1 }, async (model) => {
    const loaded = { model, loadMs: 1 } as Parameters<typeof summarise>[0]
    const depths = async () => {
      const { memory } = await summarise(loaded, RUN)
      return [(await model.stats()).meanAttentionDepth, memory.mean_attention_depth]
    }
    const before = await depths()
    await model.createSession().forward([5, 9, 2])
    return { before, after: await depths() }
  })
}

test('the number of visited keys is reported once there is one', async () => {
  const { before, after } = await depthsOf('01-base-bin-f32')
  assert.equal(before, [undefined, null])
  assert.ok(after.every((depth) => depth !== undefined && depth !== null && depth > 0))
})

test('softmax attention, which visits all keys, reports no number', async () => {
  const { before, after } = await depthsOf('61-jetmoe-f32')
  assert.equal(before, [undefined, null])
  assert.equal(after, [undefined, null])
})

test('the summary says which type the cache has, also of a default and of an interrupted run', async () => {
  const typesOf = (options: LoadOptions) =>
    withModel(fixturePath('41-qwen3moe-f32'), { threads: 1, ...options }, async (model) => {
      const loaded = { model, loadMs: 1 } as Parameters<typeof summarise>[0]
      const whole = await summarise(loaded, RUN)
      const cut = await summariseInterrupted(loaded, { promptTokens: 3, tokens: [1] })
      return [whole.cache_type, cut.cache_type]
    })
  assert.equal(await typesOf({ quant: 'q4' }), ['q8', 'q8'])
  assert.equal(await typesOf({ quant: 'f32' }), ['f32', 'f32'])
})

test('bench names it alike in its JSON', async () => {
  const args = ['-m', fixturePath('01-base-bin-f32'), '-t', '1', '--cache-type', 'q8', '-p', '4', '-n', '0', '-r', '1']
  const { stdout, stderr } = await molm(['bench', ...args, '--json'])
  assert.is(JSON.parse(stdout)[0].cache_type, 'q8', stderr)
})

test.run()
