import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { kernelFlags, setFlagsForGood } from '#molm/kernels/compiler/compile.js'
import { Bank } from '#molm/kernels/memory/bank.js'
import { chooseKernels, compileTier, TIERS } from '#molm/kernels/tiers/choose-kernels.js'
import { proveProducts } from '#molm/kernels/tiers/prove-products.js'
import { isNear } from '../support/compare.js'
import { readExpected } from '../support/expected.js'
import { FIXTURES, fixturePath } from '../support/fixtures.js'
import { withModel } from '../support/models.js'
import { LOGITS } from '../support/tolerances.js'

const test = suite(`the kernels on Node ${process.versions.node}`)

// As in the command line: these tests have the process to themselves.
setFlagsForGood()

/** V8 has relaxed SIMD since 11.4; in 11.3 it needs a flag. */
const HAS_RELAXED = Number.parseFloat(process.versions.v8) > 11.4 || kernelFlags().length > 0

test('the fastest tier of this V8 passes its check, with all allowed flags', () => {
  const { tier, flags } = chooseKernels()
  assert.is(tier, HAS_RELAXED ? 'relaxed' : 'plain')
  assert.equal(flags, kernelFlags())
})

test('every tier passes its check', () => {
  for (const tier of TIERS) {
    if (tier === 'relaxed' && !HAS_RELAXED) continue
    assert.ok(proveProducts(new Bank(compileTier(tier))), tier)
  }
})

for (const name of FIXTURES.filter((name) => !name.includes('classifier'))) {
  test(`logits of ${name}`, async () => {
    const { prompts, lastLogits } = readExpected(name)
    await withModel(fixturePath(name), { quant: 'f32', threads: 2 }, async (model) => {
      for (const [prompt, tokens] of Object.entries(prompts)) {
        const { logits } = await model.createSession().forward(tokens)
        isNear(logits, lastLogits[prompt], LOGITS, prompt)
      }
    })
  })
}

test.run()
