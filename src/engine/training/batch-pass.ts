import type { PassTerms, TrainingBatch, TrainingLoss } from '../../api/training.js'
import type { HeadLoss } from './layers/language-head.js'
import type { SteeringTerm } from './layers/steering.js'
import type { Tally } from './layers/training-workspace.js'
import { type BatchLimits, microBatches } from './micro-batches.js'
import type { CheckStop, TrainingNetwork } from './network.js'

export interface PassOptions {
  limits: BatchLimits
  mixtures: number
  withGradients: boolean
  terms?: PassTerms
  check?: CheckStop
}

/**
 * Runs a batch through a network in micro-batches and yields between them. Returns the mean losses. Gradients are of
 * the mean over all predictions of the batch.
 */
export function* passOver(
  network: TrainingNetwork,
  batch: TrainingBatch,
  { limits, mixtures, withGradients, terms = {}, check = () => {} }: PassOptions,
): Generator<undefined, TrainingLoss> {
  const { steering, newExpertBias = 0 } = terms
  const batches = microBatches(batch, limits)
  const all = batches.flatMap(({ predictions }) => predictions)
  const distilled = all.filter(({ isDistilled }) => isDistilled).length
  const predictions = all.length - distilled
  const tokens = batches.reduce((sum, { tokens }) => sum + tokens.length, 0)
  const term: SteeringTerm | undefined =
    steering && steering.weight !== 0 ? { ...steering, count: tokens * mixtures } : undefined
  const tally: Tally = { choices: 0, newExperts: 0, steering: 0 }
  const sums: HeadLoss = { crossEntropy: 0, divergence: 0 }
  for (const [index, micro] of batches.entries()) {
    if (index > 0) yield
    const state = { tally, newExpertBias, steering: term && { ...term, retained: micro.retained }, runsOriginal: false }
    const loss = withGradients
      ? network.lossAndGradients(micro, state, 1 / all.length, check)
      : network.loss(micro, state, check)
    sums.crossEntropy += loss.crossEntropy
    sums.divergence += loss.divergence
  }
  return {
    loss: predictions === 0 ? 0 : sums.crossEntropy / predictions,
    divergence: distilled === 0 ? 0 : sums.divergence / distilled,
    steering: term ? tally.steering / term.count : 0,
    predictions,
    distilled,
    tokens,
    newExpertShare: tally.choices === 0 ? 0 : tally.newExperts / tally.choices,
  }
}
