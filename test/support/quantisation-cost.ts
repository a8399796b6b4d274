import { readFileSync } from 'node:fs'
import { fixturePath } from './fixtures.js'
import { logSoftmax, rowOf } from './log-softmax.js'
import { withModel } from './models.js'

/** Tokens that are read at once: the length of nano's texts in training. */
const WINDOW = 512

export interface QuantisationCost {
  /** Mean KL divergence from float32. */
  divergence: number
  /** Relative to the perplexity of float32. */
  perplexity: number
  /** Share of equal top tokens. */
  sameTop: number
}

type Quant = 'f32' | 'q8' | 'q4'

/** Costs of nano's 8 and 4 bits on the beginning of a text of test/fixtures/texts. */
export async function quantisationCosts(
  file: string,
  tokens: number,
): Promise<{ q8: QuantisationCost; q4: QuantisationCost }> {
  const text = readFileSync(fixturePath(`texts/${file}`), 'utf8')
  const { rows: exact, ids } = await logProbabilities('f32', text, tokens)
  const costOf = async (quant: Quant) => compared(exact, (await logProbabilities(quant, text, tokens)).rows, ids)
  return { q8: await costOf('q8'), q4: await costOf('q4') }
}

/** Log-probabilities of the next token at every position, in windows. */
function logProbabilities(
  quant: Quant,
  text: string,
  tokens: number,
): Promise<{ rows: Float64Array[]; ids: number[] }> {
  return withModel('nano', { quant, threads: 1 }, async (model) => {
    const ids = model.tokenizer.encode(text).slice(0, tokens)
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

function compared(exact: Float64Array[], packed: Float64Array[], ids: number[]): QuantisationCost {
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
