import type { Model } from '../generation/types.js'
import type { MixtureKind } from '../model/config.js'
import { logSumExp } from '../sampling/logprobs.js'
import type { TrainingLoss } from '../training/step.js'

/** How a model predicts sequences, and how many of its choices are newcomers. */
export interface Reading {
  perplexity: number
  /** Tokens that were predicted. */
  scored: number
  /** Part of the choices in the taught layers that fell on newcomers; 0 where there are none. */
  newcomerShare: number
}

/** Which experts count as newcomers: those from `first[layer]` on, in the layers that have an entry. */
export interface Newcomers {
  kind: MixtureKind
  first: readonly (number | undefined)[]
}

/** Reads sequences, each on its own and with nothing in front. */
export async function readSequences(
  model: Model,
  sequences: readonly Int32Array[],
  { kind, first }: Newcomers,
  signal?: AbortSignal,
): Promise<Reading> {
  const { vocabSize } = model.config
  let [nll, scored, choices, ofNewcomers] = [0, 0, 0, 0]
  const session = model.createSession()
  try {
    for (const ids of sequences) {
      session.reset()
      const { logits, routes } = await session.forward(ids, { logits: 'all', routes: true, signal })
      for (let t = 1; t < ids.length; t++) {
        const row = logits.subarray((t - 1) * vocabSize, t * vocabSize)
        nll += logSumExp(row) - row[ids[t]]
      }
      scored += ids.length - 1
      for (const [layer, from] of first.entries()) {
        if (from === undefined) continue
        const chosen = routes[layer][kind]?.ids ?? []
        choices += chosen.length
        for (let i = 0; i < chosen.length; i++) if (chosen[i] >= from) ofNewcomers++
      }
    }
  } finally {
    session.dispose()
  }
  return { perplexity: Math.exp(nll / scored), scored, newcomerShare: choices === 0 ? 0 : ofNewcomers / choices }
}

/** Sequences that go into one request for a loss: an abort waits for no more. */
const AT_ONCE = 8

/** Mean cross-entropy of sequences under a training's newcomers, and the share of these. */
export async function lossOf(
  model: Model,
  sequences: readonly Int32Array[],
  signal?: AbortSignal,
): Promise<{ loss: number; newcomerShare: number }> {
  const sums = { loss: 0, predictions: 0, newcomers: 0, tokens: 0 }
  for (let at = 0; at < sequences.length; at += AT_ONCE) {
    const batch = { sequences: sequences.slice(at, at + AT_ONCE) }
    const { loss, predictions, newcomerShare, tokens }: TrainingLoss = await model.training.loss(batch, { signal })
    sums.loss += loss * predictions
    sums.predictions += predictions
    sums.newcomers += newcomerShare * tokens
    sums.tokens += tokens
  }
  return { loss: sums.loss / sums.predictions, newcomerShare: sums.newcomers / sums.tokens }
}
