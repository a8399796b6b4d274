import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { quantisationCosts } from '../../support/quantisation-cost.js'

const test = suite('the cost of quantisation')

test('8 bits cost next to nothing and 4 bits little, on the beginning of a held-out text', async () => {
  const { q8, q4 } = await quantisationCosts('code.txt', 256)
  // Found: divergences of 0.0008 and 0.0248, perplexities of 1.000 and 1.012, and 98.8 and 93.8 % of the top tokens.
  assert.ok(q8.divergence > 0 && q8.divergence <= 1.2e-3, `q8: divergence ${q8.divergence}`)
  assert.ok(Math.abs(q8.perplexity - 1) <= 0.004, `q8: perplexity ${q8.perplexity}`)
  assert.ok(q8.sameTop >= 0.975, `q8: same top ${q8.sameTop}`)
  assert.ok(q4.divergence > q8.divergence && q4.divergence <= 0.028, `q4: divergence ${q4.divergence}`)
  assert.ok(Math.abs(q4.perplexity - 1) <= 0.025, `q4: perplexity ${q4.perplexity}`)
  assert.ok(q4.sameTop >= 0.91, `q4: same top ${q4.sameTop}`)
})

test.run()
