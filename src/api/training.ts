import type { MixtureKind } from '../model/config/config.js'

/** Trained experts of one mixture of a layer. */
export interface TrainedMixture {
  layer: number
  kind: MixtureKind
  /** Number of new experts; their ids follow the ids of the layer's experts. Default 0. */
  newExperts?: number
  /**
   * Ids of the model's own experts to train; the model must hold experts of this kind in f32. The training works on
   * copies of their weights and router rows, so that the loaded model stays unchanged. Default none.
   */
  existing?: number[]
}

/** Trained experts and the size of a micro-batch. Everything else in the model is frozen. */
export interface TrainingPlan {
  /** One entry at most for each layer and kind. */
  mixtures: TrainedMixture[]
  /**
   * Most tokens of a micro-batch, and so of a sequence. A step with more tokens adds up the gradients of several
   * micro-batches. There is no padding. The buffers of activations grow with it. Default 1024.
   */
  maxTokens?: number
  /** Most tokens of a sequence; attention's buffers grow with its square. Default `maxTokens`. */
  maxSequence?: number
}

/** Sequences of a step. */
export interface TrainingBatch {
  /** Token ids of each sequence. Lengths may differ; a sequence does not see the others. */
  sequences: Int32Array[]
  /**
   * Weights of each sequence's tokens, 0 or 1: whether the prediction of the token counts. The first token of a
   * sequence is never predicted. Default 1 for all; single entries may be undefined.
   */
  weights?: (Float32Array | undefined)[]
  /** Whether each sequence is text that the model knows already and should retain. Default false for all. */
  retained?: boolean[]
  /**
   * Whether each sequence is distilled: its targets are then the predictions of the original model, without new experts
   * and trained copies, and its loss is the Kullback-Leibler divergence from them. Such sequences go through the model
   * twice. Default false for all.
   */
  distilled?: boolean[]
}

/** AdamW (Loshchilov and Hutter 2019) with clipping by the global norm. */
export interface AdamWOptions {
  learningRate: number
  /** Default 0.9. */
  beta1?: number
  /** Default 0.999. */
  beta2?: number
  /** Default 1e-8. */
  epsilon?: number
  /** Decay of the experts' matrices, decoupled from the gradient; router rows do not decay. Default 0. */
  weightDecay?: number
  /** Factor of the learning rate for router rows. Default 1. */
  routerRate?: number
  /** Most L2 norm of all gradients together; larger ones are scaled down to it. 0 turns clipping off. Default 1. */
  clip?: number
}

/**
 * A routing loss that is added to the loss, on the probabilities p(m | t) that the router of each trained mixture gives
 * to its experts: the mean over these mixtures, times `weight`.
 *
 * new-experts: a logistic loss on whether new experts rank before the last expert that would be chosen without them. It
 * is the mean over tokens of log(1 + q / P), for retained sequences of log(1 + P / q). P is the sum of p(m | t) over
 * the new experts, q the k-th largest p(m | t) of the others. It draws new text to the new experts and leaves retained
 * text to the others.
 *
 * entropy: the entropy of the mean of p over the tokens, the load concentration of the ModuleFormer paper (section 3.3)
 * for adaptation. It draws load to the experts that have most. With several micro-batches it is the mean of theirs.
 */
export interface Balance {
  kind: 'new-experts' | 'entropy'
  /** 0 turns it off. */
  weight: number
}

/** Settings of a pass through the model. */
export interface PassTerms {
  balance?: Balance
  /** Added to the new experts' scores in each layer's routers, before experts are chosen: one per layer. Default 0. */
  newExpertBias?: readonly number[]
}

/** Losses and counts of a pass over a batch. */
export interface TrainingLoss {
  /**
   * Mean cross-entropy in nats over the counted predictions of sequences that are not distilled, without the routing
   * loss; 0 if there are none.
   */
  loss: number
  /** Mean divergence in nats over the counted predictions of distilled sequences; 0 if there are none. */
  divergence: number
  /** The routing loss before its weight; 0 if it is off. */
  balance: number
  /** Counted predictions with a cross-entropy. Each prediction has the same weight as a distilled one. */
  predictions: number
  /** Counted predictions with a divergence. */
  distilled: number
  tokens: number
  /** Share of the choices (k per token and mixture) that fell on new experts, without retained sequences. */
  newExpertShare: number
}

export interface TrainingStep extends TrainingLoss {
  /**
   * L2 norm of all gradients together, before clipping. If it or a loss is not a finite number, the step is not taken:
   * weights and optimiser stay unchanged.
   */
  gradientNorm: number
}

/** Gradients of the loss and the weighted routing loss, in the order of `trainedTensors`. */
export interface TrainingGradients extends TrainingLoss {
  gradients: Float32Array
}

/** State of a training, enough to resume it. The arrays are in the order of the plan's tensors (see TrainedTensor). */
export interface TrainingState {
  /** Steps taken so far. */
  steps: number
  weights: Float32Array
  /** First and second moments of AdamW; empty for a new optimiser. */
  firstMoments: Float32Array
  secondMoments: Float32Array
}

/** Memory that a training takes in addition to the model. */
export interface TrainingSize {
  /** Floats of all trained tensors. */
  parameters: number
  /** Bytes of weights, gradients and moments. */
  parameterBytes: number
  /** Bytes of activations and of the residual states that are kept for the backward pass. */
  activationBytes: number
  /** Sum of both. */
  bytes: number
}

/**
 * Training of a loaded model's experts, one training at a time. New experts and trained copies exist in the training
 * alone, so that the model's sessions generate as before. All methods but `size`, `expert` and `begin` need a training
 * that has begun. `teach` is built on it and writes the result into a model.
 */
export interface ExpertTraining {
  /**
   * Memory that a training of this plan would take. Rejects with a UserError if the plan does not fit the model or if
   * there is not enough memory.
   */
  size(plan: TrainingPlan): Promise<TrainingSize>
  /**
   * Reads the matrices and the router row of one of the model's experts, as floats in the order of its trained tensors.
   * A new expert can begin with them.
   */
  expert(layer: number, kind: MixtureKind, expert: number): Promise<Float32Array>
  /**
   * Begins a training and ends the one under way, if any. `weights` are in the order of the plan's tensors. Without
   * them the model's own experts begin as they are in the model, and new experts with zeros.
   */
  begin(plan: TrainingPlan, weights?: Float32Array): Promise<TrainingSize>
  /** Takes a step of AdamW. If it is aborted or fails, weights and optimiser stay unchanged. */
  step(batch: TrainingBatch, optimiser: AdamWOptions, options?: PassOptions): Promise<TrainingStep>
  /** Computes the loss of a batch. */
  loss(batch: TrainingBatch, options?: PassOptions): Promise<TrainingLoss>
  /** Computes the gradients of a batch; the optimiser stays unchanged. */
  gradients(batch: TrainingBatch, options?: PassOptions): Promise<TrainingGradients>
  /** Reads the weights and, unless `optimiser` is false, the moments of the optimiser. */
  read(optimiser?: boolean): Promise<TrainingState>
  /** Continues from a state; one with empty moments restarts the optimiser. */
  write(state: TrainingState): Promise<void>
  /** Ends the training and frees its memory; does nothing if no training has begun. */
  end(): Promise<void>
}

export interface PassOptions extends PassTerms {
  /** Aborting it rejects the call with its reason. */
  signal?: AbortSignal
}
