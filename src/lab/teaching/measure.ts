import type { Model } from '../../api/model.js'
import type { TrainingBatch } from '../../api/training.js'
import { logSumExp } from '../../engine/sampling/logprobs.js'
import { useSession } from '../../insight/texts/reading.js'
import type { MixtureKind } from '../../model/config/config.js'
import { type Dataset, heldOutSample, lossWeights } from './datasets.js'

export interface Sample {
  dataset: Dataset
  sequences: readonly Int32Array[]
}

/** Loss of a model on held-out sequences, and the share of its choices that are new experts. */
export interface HeldOutLoss {
  /** Mean cross-entropy in nats. */
  loss: number
  scored: number
  /** Share of the choices in the taught layers that fell on new experts; 0 without choices. */
  newExpertShare: number
}

/** Experts that count as new: ids from `first[layer]` on, in layers that have an entry. */
export interface NewExperts {
  kind: MixtureKind
  first: readonly (number | undefined)[]
}

const MOST_READ = 16384

/** Measures a model on a dataset's held-out sequences, or a spread sample of them, each read on its own. */
export async function measureHeldOut(
  model: Model,
  dataset: Dataset,
  { kind, first }: NewExperts,
  signal?: AbortSignal,
): Promise<HeldOutLoss> {
  const { vocabSize } = model.config
  const { prompt = 0 } = dataset
  let [nll, scored, choices, ofNewExperts] = [0, 0, 0, 0]
  await useSession(model, async (session) => {
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
  })
  return { loss: nll / scored, scored, newExpertShare: choices === 0 ? 0 : ofNewExperts / choices }
}

/** Sequences per request; an abort waits for one request at most. */
const AT_ONCE = 8

interface LossOptions {
  /** Measures the divergence from the original model instead of the cross-entropy. */
  fromOriginal?: boolean
  /** See PassTerms. */
  newExpertBias?: readonly number[]
  signal?: AbortSignal
}

/** Mean loss of sequences with new experts in training, in nats per prediction, and the share of choices of these. */
export async function lossOf(
  model: Model,
  samples: readonly Sample[],
  { fromOriginal = false, newExpertBias, signal }: LossOptions = {},
): Promise<{ loss: number; newExpertShare: number }> {
  const sums = { loss: 0, predictions: 0, newExperts: 0, tokens: 0 }
  const all = samples.flatMap(({ dataset, sequences }) => sequences.map((ids) => ({ ids, dataset })))
  for (let at = 0; at < all.length; at += AT_ONCE) {
    const now = all.slice(at, at + AT_ONCE)
    const batch: TrainingBatch = {
      sequences: now.map(({ ids }) => ids),
      weights: now.map(({ ids, dataset }) => lossWeights(dataset, ids)),
      distilled: now.map(() => fromOriginal),
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
