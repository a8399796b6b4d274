import type { MixtureKind } from '../model/config.js'
import type { CalibrationPoint } from './calibration.js'

/** A point of the curve: a step, with what was measured on held-out text where that was due. */
export interface TeachingPoint {
  /** Steps of the optimiser so far; 0 is the model as it begins. */
  step: number
  /** Tokens read in them. */
  tokens: number
  /** Mean cross-entropy in nats over the step's predictions of new text; absent at step 0. */
  loss?: number
  /**
   * Mean divergence in nats from what the model as it was predicts, over what the step reads again of what is to be kept;
   * absent at step 0, and if nothing is read again.
   */
  divergence?: number
  /** Mean cross-entropy over the held-out tenth of the texts. */
  heldOutLoss?: number
  /** The same over the held-out part of what is to be kept. */
  retainedLoss?: number
  /** Part of the choices in the taught mixtures that fell on new experts. */
  newExpertShare?: number
}

/** Why a training ended. */
export type StopReason = 'done' | 'no-better' | 'interrupted' | 'not-a-number'

/** Events while a model is taught. */
export type TeachEvent =
  /** A piece of work begins, in words. */
  | { kind: 'phase'; phase: string }
  /** What is going to be done. */
  | { kind: 'plan'; plan: TeachingPlan }
  /** A step is over. */
  | { kind: 'step'; point: TeachingPoint; steps: number; tokensPerSecond: number; secondsLeft: number; isBest: boolean }
  /** The state is safe: a run that is killed now can be resumed from here. */
  | { kind: 'saved'; step: number }
  /** A bias of the gates was tried. */
  | { kind: 'calibration'; point: CalibrationPoint }
  /** The training is over. */
  | { kind: 'end'; stopReason: StopReason; step: number; bestStep: number }

/** What a training takes. */
export interface TeachingPlan {
  /** Kind and layers of the new experts, and how many each layer gets. */
  kind: MixtureKind
  layers: number[]
  experts: number
  /** Floats that are trained. */
  parameters: number
  /** Bytes of memory beside the model: weights, gradients, moments and activations, and the copies that are kept. */
  memoryBytes: number
  /** Tokens of a step. */
  batch: number
  /** Tokens that a step usually has; absent unless the texts are too short for so many. */
  usualBatch?: number
  /** Tokens of the texts that are learnt from, and those held out. */
  tokens: { train: number; heldOut: number; replay: number }
  steps: number
  stepsPerEpoch: number
}
