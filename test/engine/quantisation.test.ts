import { readFileSync } from 'node:fs'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { fixturePath } from '../support/fixtures.js'
import { logSoftmax, rowOf } from '../support/log-softmax.js'
import { withModel } from '../support/models.js'

/*
 * What 8 and 4 bits cost, activations quantised too, on held-out text that nano did not see in training. Measured on
 * these 1,024 tokens each (mean KL divergence from float32; perplexity against float32; share of equal top tokens):
 *
 *   dialogue   q8 0.0005, 0.998, 99.4 %    q4 0.0271, 1.036, 94.2 %    q4 weights alone 0.0274, 1.035, 94.2 %
 *   code       q8 0.0008, 1.002, 99.2 %    q4 0.0310, 1.018, 93.0 %    q4 weights alone 0.0307, 1.020, 92.7 %
 *   speeches   q8 0.0011, 0.999, 98.3 %    q4 0.0482, 1.037, 86.3 %    q4 weights alone 0.0474, 1.036, 85.9 %
 *
 * Least-squares scales for the weights of a whole model were expected to cost a KL of 0.0246 on dialogue and 0.0332 on
 * code, on larger samples. The bounds leave a tenth for the sample and what the activations add.
 */
const BOUNDS = {
  'dialogue.txt': { q4Divergence: 0.0246 * 1.1 + 0.0012, q4Perplexity: 1.04, q4Top: 0.93 },
  'code.txt': { q4Divergence: 0.0332 * 1.1 + 0.0012, q4Perplexity: 1.04, q4Top: 0.915 },
  'speeches.txt': { q4Divergence: 0.05, q4Perplexity: 1.05, q4Top: 0.85 },
}
const Q8_DIVERGENCE = 2e-3
const Q8_PERPLEXITY = 0.003

const TOKENS = 1024
const WINDOW = 256

const test = suite('what quantisation costs')

interface Cost {
  divergence: number
  perplexity: number
  sameTop: number
}

/** Log-probabilities of the next token at every position, in windows as long as the model's training context. */
function logProbabilities(quant: 'f32' | 'q8' | 'q4', text: string): Promise<{ rows: Float64Array[]; ids: number[] }> {
  return withModel('nano', { quant, threads: 2 }, async (model) => {
    const ids = model.tokenizer.encode(text).slice(0, TOKENS)
    const rows: Float64Array[] = []
    for (let from = 0; from < ids.length; from += WINDOW) {
      const window = ids.slice(from, from + WINDOW)
      const session = model.createSession()
      const { logits } = await session.forward(window, { logits: 'all' })
      for (let i = 0; i < window.length; i++) rows.push(logSoftmax(rowOf(logits, i, model.config.vocabSize)))
      session.dispose()
    }
    return { rows, ids }
  })
}

function costOf(exact: Float64Array[], packed: Float64Array[], ids: number[]): Cost {
  let divergence = 0
  let lost = 0
  let sameTop = 0
  for (const [t, p] of exact.entries()) {
    const q = packed[t]
    divergence += p.reduce((sum, logP, i) => sum + Math.exp(logP) * (logP - q[i]), 0)
    if (largest(p) === largest(q)) sameTop++
    if ((t + 1) % WINDOW !== 0 && t + 1 < ids.length) lost += p[ids[t + 1]] - q[ids[t + 1]]
  }
  const predictions = ids.length - Math.ceil(ids.length / WINDOW)
  return {
    divergence: divergence / exact.length,
    perplexity: Math.exp(lost / predictions),
    sameTop: sameTop / exact.length,
  }
}

const largest = (row: Float64Array): number => row.reduce((best, value, i) => (value > row[best] ? i : best), 0)

for (const [file, { q4Divergence, q4Perplexity, q4Top }] of Object.entries(BOUNDS)) {
  test(`8 bits cost next to nothing and 4 bits little: ${file}`, async () => {
    const text = readFileSync(fixturePath(`texts/${file}`), 'utf8')
    const { rows: exact, ids } = await logProbabilities('f32', text)
    assert.is(ids.length, TOKENS)
    const q8 = costOf(exact, (await logProbabilities('q8', text)).rows, ids)
    assert.ok(q8.divergence <= Q8_DIVERGENCE, `q8: divergence ${q8.divergence}`)
    assert.ok(Math.abs(q8.perplexity - 1) <= Q8_PERPLEXITY, `q8: perplexity ${q8.perplexity}`)
    const q4 = costOf(exact, (await logProbabilities('q4', text)).rows, ids)
    assert.ok(q4.divergence <= q4Divergence, `q4: divergence ${q4.divergence}`)
    assert.ok(q4.perplexity <= q4Perplexity, `q4: perplexity ${q4.perplexity}`)
    assert.ok(q4.sameTop >= q4Top, `q4: same top ${q4.sameTop}`)
  })
}

test.run()
