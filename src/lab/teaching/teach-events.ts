import type { MixtureKind } from '../../model/config/config.js'
import type { CalibrationPoint } from './gate-bias.js'

/** A point of the training curve: a step, with the held-out losses if they were measured after it. */
export interface TeachingPoint {
  /** Steps of the optimiser so far; 0 is the beginning. */
  step: number
  tokens: number
  /** Mean cross-entropy in nats over the step's predictions of new text; absent at step 0. */
  loss?: number
  /** Mean divergence in nats from the original model on the step's retained text; absent at step 0 or without any. */
  divergence?: number
  /** Mean cross-entropy over the held-out tenth of the texts. */
  heldOutLoss?: number
  /** Mean cross-entropy over the held-out part of the retained texts. */
  retainedLoss?: number
  /** Share of the choices in the taught mixtures that fell on new experts. */
  newExpertShare?: number
}

/**
 * Reason for the end of a training: all steps are done, the held-out loss stopped falling, the caller aborted, or the
 * loss was not a number.
 */
export type StopReason = 'done' | 'no-better' | 'interrupted' | 'not-a-number'

export type TeachEvent =
  /** A phase begins; `phase` describes it. */
  | { kind: 'phase'; phase: string }
  | { kind: 'plan'; plan: TeachingPlan }
  | { kind: 'step'; point: TeachingPoint; steps: number; tokensPerSecond: number; secondsLeft: number; isBest: boolean }
  /** The state has been saved: a run that is killed can be resumed from here. */
  | { kind: 'saved'; step: number }
  | { kind: 'calibration'; point: CalibrationPoint }
  | { kind: 'end'; stopReason: StopReason; step: number; bestStep: number }

export interface TeachingPlan {
  /** Kind and layers of the new experts, and their number in each layer. */
  kind: MixtureKind
  layers: number[]
  experts: number
  /** Number of trained floats. */
  parameters: number
  /** Bytes of memory in addition to the model: weights, gradients, moments, activations and copies. */
  memoryBytes: number
  /** Tokens of a step. */
  batch: number
  /** Default tokens of a step; absent unless the texts are too short for them. */
  usualBatch?: number
  /** Tokens of the texts to train on, of their held-out parts, and of retained texts to train on. */
  tokens: { train: number; heldOut: number; replay: number }
  steps: number
  stepsPerEpoch: number
}
