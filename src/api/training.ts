import type { MixtureKind } from '../model/config.js'

/** What is trained in one mixture of a layer; everything else of the model stays as it is. */
export interface TrainedMixture {
  layer: number
  kind: MixtureKind
  /** New experts, whose ids follow those that there are. Default 0. */
  newExperts?: number
  /**
   * Experts that the model has and that are trained, too, by their ids; the model must hold those of this kind in f32.
   * Their weights and router rows are copies: the model that generates stays as it is. Default none.
   */
  existing?: number[]
}

/** What is trained, and how many tokens go through the model at once. */
export interface TrainingPlan {
  /** At most one entry for each layer and kind. */
  mixtures: TrainedMixture[]
  /**
   * Tokens of a micro-batch at most: no sequence may be longer, and a step of more tokens adds up the gradients of several
   * micro-batches. There is no padding. Buffers of activations grow with it. Default 1024.
   */
  maxTokens?: number
  /** Tokens of a sequence at most; attention's buffers grow with its square. Default maxTokens. */
  maxSequence?: number
}

/** Texts of a step. */
export interface TrainingBatch {
  /** Ids of each sequence, of equal or different length; no sequence sees another. */
  sequences: Int32Array[]
  /**
   * For each sequence a weight per token, 0 or 1: whether its prediction (from the tokens before it) counts. The first
   * token of a sequence is never predicted. Default 1 for all; one entry may be left undefined.
   */
  weights?: (Float32Array | undefined)[]
  /** Whether each sequence is of what the model knows already, and is to keep. Default false for all. */
  retained?: boolean[]
  /**
   * Whether the target of each prediction of a sequence is the distribution of the model as it was, without new experts and
   * trained copies, in place of the token that follows. Its loss is then the Kullback-Leibler divergence from that
   * distribution. Such sequences go through the model twice. Default false for all.
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
  /** Decay of the experts' matrices, decoupled from the gradient; rows of routers do not decay. Default 0. */
  weightDecay?: number
  /** Factor of the learning rate for rows of routers. Default 1. */
  routerRate?: number
  /** Gradients are scaled down to this L2 norm of all together; 0 leaves them. Default 1. */
  clip?: number
}

/**
 * A further term of the loss, on the probabilities p(m | t) that the router of each trained mixture gives to its experts;
 * the mean over these mixtures, times `weight`.
 *
 * new-experts: the logistic loss of whether new experts come before the last expert that would be chosen without them: mean over
 *   tokens of log(1 + q / P), of kept sequences of log(1 + P / q), where P is the sum of p(m | t) over the new experts and q the
 *   k-th largest of the others. Draws what is new to the new experts, and leaves what is known to the experts that know it.
 * entropy: the entropy of the mean of p over the tokens, the load concentration of the ModuleFormer paper (section 3.3)
 *   for adaptation. Draws load to what has most. Where a step has several micro-batches it is the mean of theirs.
 */
export interface Steering {
  kind: 'new-experts' | 'entropy'
  /** 0 is off. */
  weight: number
}

/** What a pass has beside the model and its trained weights. */
export interface PassTerms {
  steering?: Steering
  /** Added to the scores of new experts in every router, before the choice and the gates. Default 0. */
  newExpertBias?: number
}

/** What a pass over a batch came to. */
export interface TrainingLoss {
  /**
   * Mean cross-entropy in nats over the predictions that count, of sequences that are not distilled, without the term of
   * steering; 0 if there are none.
   */
  loss: number
  /** Mean divergence in nats over the predictions that count, of distilled sequences; 0 if there are none. */
  divergence: number
  /** The term of steering before its weight; 0 where there is none. */
  steering: number
  /** Predictions that count: those with a cross-entropy, and those with a divergence. Each has the same weight. */
  predictions: number
  distilled: number
  tokens: number
  /** Part of the choices in the trained mixtures (k a token and mixture) that fell on new experts; of kept sequences none count. */
  newExpertShare: number
}

export interface TrainingStep extends TrainingLoss {
  /**
   * L2 norm of all gradients together, before clipping. Where it or the loss is not a number, the step has not been
   * taken: weights and optimiser are as they were.
   */
  gradientNorm: number
}

/** Gradients of the loss and of the weighted term of steering, in the order of `trainedTensors`. */
export interface TrainingGradients extends TrainingLoss {
  gradients: Float32Array
}

/** All that it takes to resume a training, as one array for each kind of number (see TrainedTensor). */
export interface TrainingState {
  /** Steps of the optimiser so far. */
  steps: number
  weights: Float32Array
  /** First and second moments of AdamW. */
  firstMoments: Float32Array
  secondMoments: Float32Array
}

/** What a training takes beside the model. */
export interface TrainingSize {
  /** Floats of all trained tensors. */
  parameters: number
  /** Bytes of weights, gradients and moments. */
  parameterBytes: number
  /** Bytes of activations, and of the states of the residual stream that are kept for the backward pass. */
  activationBytes: number
  /** Both together. */
  bytes: number
}

/**
 * Training of experts of a loaded model, one at a time, beside its sessions: those generate as before, since new experts and
 * trained copies live in the training alone. All but `size`, `expert` and `begin` need one that has begun. `teach` is built on
 * it, and writes what was learnt into a model.
 */
export interface ExpertTraining {
  /** What a training would take. Rejects with a UserError where the plan does not fit the model, or where there is no room. */
  size(plan: TrainingPlan): Promise<TrainingSize>
  /**
   * The matrices and the router row of an expert that the model has, as floats in the order of its trained tensors: what a
   * new expert can begin with.
   */
  expert(layer: number, kind: MixtureKind, expert: number): Promise<Float32Array>
  /**
   * Begins with weights in the order of the plan's tensors; without, experts that the model has start as they are there, and
   * new experts with zeros. A training that is under way ends.
   */
  begin(plan: TrainingPlan, weights?: Float32Array): Promise<TrainingSize>
  /** One step of AdamW. Where it is aborted or fails, weights and optimiser are as they were. */
  step(batch: TrainingBatch, optimiser: AdamWOptions, options?: PassOptions): Promise<TrainingStep>
  /** The loss of a batch alone. */
  loss(batch: TrainingBatch, options?: PassOptions): Promise<TrainingLoss>
  /** The gradients of a batch; the optimiser is not touched. */
  gradients(batch: TrainingBatch, options?: PassOptions): Promise<TrainingGradients>
  /** Weights and, unless `optimiser` is false, the moments of the optimiser. */
  read(optimiser?: boolean): Promise<TrainingState>
  /** Goes on from a state; one with empty moments starts the optimiser anew. */
  write(state: TrainingState): Promise<void>
  /** Ends the training and gives its memory back. Harmless where there is none. */
  end(): Promise<void>
}

export interface PassOptions extends PassTerms {
  /** Aborting it rejects with its reason. */
  signal?: AbortSignal
}
