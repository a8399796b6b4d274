import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Decoder } from '#molm/model/layers/decoder.js'
import { isNear } from '../../support/compare.js'
import { checkLayers, type Expected, readExpected } from '../../support/expected.js'
import { FAMILY_CASES } from '../../support/family-cases.js'
import { FAMILY_FIXTURES, FIXTURES, fixturePath } from '../../support/fixtures.js'
import { greedyHere, lastLogits, passHere } from '../../support/forward-here.js'
import { TIERS } from '../../support/kernel-bench.js'
import { withLoaded } from '../../support/loaded-model.js'
import { meanCrossEntropy } from '../../support/log-softmax.js'
import { inTemporaryFolder } from '../../support/temporary-folder.js'
import { CROSS_ENTROPY, LOGITS } from '../../support/tolerances.js'
import { writeFixture } from '../../support/write-fixture.js'

/*
 * Expected values are from Hugging Face transformers and, for ModuleFormer, from IBM's own code, in float32. Its own
 * float32 differs from exact numbers by up to 1.8e-5; the smallest mistakes in the mathematics (another epsilon, the other
 * GELU) make differences from 8e-5 on. engine/same-bits.matrix.test.ts takes it from here: other tiers, threads and pieces
 * give the same bits.
 */
const test = suite('checkpoints of the families')

function check(model: Decoder, expected: Expected): void {
  const { width, vocabSize } = model.config
  for (const [prompt, tokens] of Object.entries(expected.prompts)) {
    const { logits, hidden, routes } = passHere(model, tokens)
    const last = logits.subarray(-vocabSize)
    isNear(last, expected.lastLogits[prompt], LOGITS, `${prompt}: last logits`)
    const all: Float32Array | undefined = expected.allLogits[prompt]
    if (all) isNear(logits, all, LOGITS, `${prompt}: logits`)
    checkLayers(prompt, { hidden, routes }, expected, width)
    const wanted = expected.meanCrossEntropy[prompt]
    if (wanted !== undefined) isNear([meanCrossEntropy(logits, tokens, vocabSize)], [wanted], CROSS_ENTROPY, prompt)
    const n = tokens.length
    isNear(lastLogits(model, tokens, n < 4 ? [n] : [n - 3, 1, 2]), last, 0, `${prompt} in pieces`)
  }
  for (const [prompt, ids] of Object.entries(expected.greedy)) {
    assert.equal(greedyHere(model, expected.prompts[prompt], ids.length), ids, `${prompt}: greedy text`)
  }
}

test('are all found, and so tested', () => {
  assert.ok(FAMILY_FIXTURES.length >= 23, FAMILY_FIXTURES.join(' '))
})

test('a fixture that is written from a reference is like the others', () =>
  inTemporaryFolder(async (dir) => {
    for (const family of FAMILY_CASES.filter(({ name }) => /^(afmoe: no positions|zaya: )/.test(name)).slice(0, 2)) {
      await writeFixture(dir, family)
      await withLoaded(dir, { quant: 'f32' }, ({ model }) => check(model, readExpected(dir)))
    }
  }))

const MODULE_FORMERS = FIXTURES.filter((name) => !name.includes('classifier'))

for (const [i, name] of [...FAMILY_FIXTURES, ...MODULE_FORMERS].entries()) {
  const tier = TIERS[i % TIERS.length]
  test(`${name}: logits, block outputs, routes, greedy text and cross-entropy, ${tier} kernels`, () =>
    withLoaded(fixturePath(name), { quant: 'f32', tier }, ({ model }) => check(model, readExpected(name))))
}

test.run()
