import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { LoadOptions } from '#molm/index.js'
import { fixturePath } from '../../support/fixtures.js'
import { withModel } from '../../support/models.js'

const test = suite('determinism')

const VARIANTS = [
  { threads: 1, kernels: 'relaxed' },
  { threads: 3, kernels: 'plain' },
  { threads: 2, kernels: 'scalar' },
] as const

/** A text at full temperature: a single different bit would soon change a token. */
function textOf(options: LoadOptions, seed: number): Promise<{ tokens: number[]; logprobs: number[] }> {
  return withModel(fixturePath('01-base-bin-f32'), options, async (model) => {
    const prompt = 'Call me Ishmael. Some years ago'
    const tokens: number[] = []
    const logprobs: number[] = []
    const sampling = { temperature: 1, topK: 0, topP: 1, repeatPenalty: 1.1, seed }
    for await (const { token, logprob } of model
      .createSession()
      .generate(prompt, { ...sampling, maxTokens: 40, ignoreEos: true, stop: [] })) {
      tokens.push(token)
      logprobs.push(logprob)
    }
    return { tokens, logprobs }
  })
}

test('the same seed gives the same text with any number of threads and any kernels, another seed another', async () => {
  const [first, ...others] = VARIANTS
  const expected = await textOf(first, 7)
  assert.is(expected.tokens.length, 40)
  for (const variant of others) assert.equal(await textOf(variant, 7), expected, JSON.stringify(variant))
  assert.not.equal((await textOf(first, 8)).tokens, expected.tokens)
})

test.run()
