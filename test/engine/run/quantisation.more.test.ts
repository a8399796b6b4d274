import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { quantisationCosts } from '../../support/quantisation-cost.js'

/*
 * Cost of 8 and 4 bits, with quantised activations, on held-out text. At the end of its training, nano had weights
 * rounded to 4 bits. So its perplexity hardly suffers, though its predictions change, most of all on dialogue, whose
 * answers are worded differently from answers that nano learnt. Measured on 1,024 tokens each (mean KL divergence from
 * float32; perplexity relative to float32; share of equal top tokens):
 *
 *   dialogue   q8 0.0019, 0.995, 99.5 %    q4 0.0411, 1.013, 92.5 %
 *   speeches   q8 0.0011, 1.000, 97.6 %    q4 0.0629, 1.005, 82.4 %
 *
 * The bounds allow a tenth more divergence, and for the rest as much as other kernels may need.
 */
const BOUNDS = {
  'dialogue.txt': { divergence: 0.0455, perplexity: 1.025, sameTop: 0.915 },
  'speeches.txt': { divergence: 0.07, perplexity: 1.02, sameTop: 0.81 },
}

const test = suite('the cost of quantisation')

for (const [file, { divergence, perplexity, sameTop }] of Object.entries(BOUNDS)) {
  test(`8 bits cost next to nothing and 4 bits little: ${file}`, async () => {
    const { q8, q4 } = await quantisationCosts(file, 1024)
    assert.ok(q8.divergence <= 2.2e-3, `q8: divergence ${q8.divergence}`)
    assert.ok(Math.abs(q8.perplexity - 1) <= 0.006, `q8: perplexity ${q8.perplexity}`)
    assert.ok(q4.divergence <= divergence, `q4: divergence ${q4.divergence}`)
    assert.ok(q4.perplexity <= perplexity, `q4: perplexity ${q4.perplexity}`)
    assert.ok(q4.sameTop >= sameTop, `q4: same top ${q4.sameTop}`)
  })
}

test.run()
