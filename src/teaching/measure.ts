import type { Model } from '../api/model.js'
import type { TrainingBatch } from '../api/training.js'
import type { MixtureKind } from '../model/config.js'
import { logSumExp } from '../sampling/logprobs.js'
import { type Dataset, heldOutSample, lossWeights } from './datasets.js'

/** Sequences of a lesson that are measured. */
export interface Sample {
  dataset: Dataset
  sequences: readonly Int32Array[]
}

/** How a model predicts a lesson's held-out part, and how many of its choices are new experts. */
export interface HeldOutLoss {
  /** Mean cross-entropy in nats. */
  loss: number
  /** Tokens that were predicted. */
  scored: number
  /** Part of the choices in the taught layers that fell on new experts; 0 if there are none. */
  newExpertShare: number
}

/** Which experts count as new experts: those from `first[layer]` on, in the layers that have an entry. */
export interface NewExperts {
  kind: MixtureKind
  first: readonly (number | undefined)[]
}

/** Most tokens of a lesson that are read to compare two models. */
const MOST_READ = 16384

/** Reads held-out sequences of a lesson, all or a sample from everywhere, each on its own and with nothing in front. */
export async function measureHeldOut(
  model: Model,
  dataset: Dataset,
  { kind, first }: NewExperts,
  signal?: AbortSignal,
): Promise<HeldOutLoss> {
  const { vocabSize } = model.config
  const { prompt = 0 } = dataset
  let [nll, scored, choices, ofNewExperts] = [0, 0, 0, 0]
  const session = model.createSession()
  try {
    for (const ids of heldOutSample(dataset, MOST_READ)) {
      session.reset()
      const { logits, routes } = await session.forward(ids, { logits: 'all', routes: true, signal })
      for (let t = Math.max(prompt, 1); t < ids.length; t++, scored++) {
        const row = logits.subarray((t - 1) * vocabSize, t * vocabSize)
        nll += logSumExp(row) - row[ids[t]]
      }
      for (const [layer, from] of first.entries()) {
        if (from === undefined) continue
        const chosen = routes[layer][kind]?.ids ?? []
        choices += chosen.length
        for (let i = 0; i < chosen.length; i++) if (chosen[i] >= from) ofNewExperts++
      }
    }
  } finally {
    session.dispose()
  }
  return { loss: nll / scored, scored, newExpertShare: choices === 0 ? 0 : ofNewExperts / choices }
}

/** Sequences that go into one request for a loss: an abort waits for no more. */
const AT_ONCE = 8

interface LossOptions {
  /** Measures the divergence from the model as it was, in place of the cross-entropy. */
  fromBefore?: boolean
  /** See PassTerms. */
  newExpertBias?: number
  signal?: AbortSignal
}

/** Mean loss of sequences under a training's new experts, in nats a prediction, and the share of these. */
export async function lossOf(
  model: Model,
  samples: readonly Sample[],
  { fromBefore = false, newExpertBias, signal }: LossOptions = {},
): Promise<{ loss: number; newExpertShare: number }> {
  const sums = { loss: 0, predictions: 0, newExperts: 0, tokens: 0 }
  const all = samples.flatMap(({ dataset, sequences }) => sequences.map((ids) => ({ ids, dataset })))
  for (let at = 0; at < all.length; at += AT_ONCE) {
    const now = all.slice(at, at + AT_ONCE)
    const batch: TrainingBatch = {
      sequences: now.map(({ ids }) => ids),
      weights: now.map(({ ids, dataset }) => lossWeights(dataset, ids)),
      distilled: now.map(() => fromBefore),
    }
    const { loss, divergence, predictions, distilled, newExpertShare, tokens } = await model.training.loss(batch, {
      newExpertBias,
      signal,
    })
    sums.loss += loss * predictions + divergence * distilled
    sums.predictions += predictions + distilled
    sums.newExperts += newExpertShare * tokens
    sums.tokens += tokens
  }
  return { loss: sums.loss / sums.predictions, newExpertShare: sums.newExperts / sums.tokens }
}
