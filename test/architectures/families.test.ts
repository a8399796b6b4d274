import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Model } from '#molm/index.js'
import { sameBits } from '../support/compare.js'
import { FAMILY_FIXTURES, type FamilyExpected, readFamilyExpected } from '../support/family-fixtures.js'
import { checkForward, checkGreedy } from '../support/family-results.js'
import { fixturePath } from '../support/fixtures.js'
import { lastLogits } from '../support/forward-here.js'
import { withLoaded } from '../support/loaded-model.js'
import { meanCrossEntropy } from '../support/log-softmax.js'
import { withModel } from '../support/models.js'
import { CROSS_ENTROPY } from '../support/tolerances.js'

/*
 * Expected values are from Hugging Face transformers, in float32. Its own float32 differs from exact numbers by up to
 * 1.8e-5; most mistakes in the mathematics make far larger differences.
 */

const VARIANTS = [
  { threads: 1, tier: 'scalar' },
  { threads: 2, tier: 'relaxed' },
  { threads: 3, tier: 'plain' },
] as const

/** Ways to cut n tokens into pieces. */
const SPLITS: ((n: number) => number[])[] = [
  (n) => [n],
  (n) => new Array<number>(n).fill(1),
  (n) => (n < 4 ? [n] : [n - 3, 1, 2]),
]

async function checkCrossEntropy(model: Model, { prompts, meanCrossEntropy: wanted }: FamilyExpected): Promise<void> {
  for (const [prompt, expected] of Object.entries(wanted)) {
    const { logits } = await model.createSession().forward(prompts[prompt], { logits: 'all' })
    const found = meanCrossEntropy(logits, prompts[prompt], model.config.vocabSize)
    assert.ok(Math.abs(found - expected) <= CROSS_ENTROPY, `${prompt}: cross-entropy ${found}, not ${expected}`)
  }
}

const found = suite('checkpoints of the families')

found('all are found, and so tested', () => {
  assert.ok(FAMILY_FIXTURES.length >= 14, FAMILY_FIXTURES.join(' '))
})

found.run()

for (const name of FAMILY_FIXTURES) {
  const test = suite(name)
  const expected = readFamilyExpected(name)

  test('logits, block outputs, routing, greedy text and cross-entropy', () =>
    withModel(fixturePath(name), { quant: 'f32', threads: 2 }, async (model) => {
      await checkForward(model, expected)
      await checkGreedy(model, expected)
      await checkCrossEntropy(model, expected)
    }))

  for (const quant of ['f32', 'q4'] as const) {
    test(`the same bits however the prompt is split, on every tier and with 1 to 3 threads: ${quant}`, async () => {
      const first = new Map<string, Float32Array>()
      for (const { threads, tier } of VARIANTS) {
        await withLoaded(fixturePath(name), { quant, threads, tier }, ({ model }) => {
          for (const [prompt, tokens] of Object.entries(expected.prompts)) {
            for (const split of SPLITS) {
              const logits = lastLogits(model, tokens, split(tokens.length))
              sameBits(logits, first.get(prompt) ?? logits, `${prompt}, ${threads} threads, ${tier}`)
              first.set(prompt, logits)
            }
          }
        })
      }
    })
  }

  test.run()
}
