import { type EngineClient, Interrupted, type Ongoing } from '../engine/client.js'
import type { ExpertWeightsReply, TrainingRequest } from '../engine/protocol.js'
import type { MixtureKind } from '../model/config.js'
import type { TrainingPlan } from '../training/plan.js'
import type {
  AdamWOptions,
  PassTerms,
  TrainingBatch,
  TrainingGradients,
  TrainingLoss,
  TrainingSize,
  TrainingState,
  TrainingStep,
} from '../training/step.js'
import { onAbort } from './on-abort.js'

/**
 * Training of experts of a loaded model, one at a time, beside its sessions: those generate as before, since newcomers and
 * trained copies live in the training alone. All but `size`, `expert` and `begin` need one that has begun. `teach` is built on
 * it, and writes what was learnt into a model.
 */
export interface ExpertTraining {
  /** What a training would take. Rejects with a UserError where the plan does not fit the model, or where there is no room. */
  size(plan: TrainingPlan): Promise<TrainingSize>
  /**
   * The matrices and the router row of an expert that the model has, as floats in the order of its trained tensors: what a
   * newcomer can begin with.
   */
  expert(layer: number, kind: MixtureKind, expert: number): Promise<Float32Array>
  /**
   * Begins with weights in the order of the plan's tensors; without, experts that the model has start as they are there, and
   * newcomers with zeros. A training that is under way ends.
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

/** The caller's end of a training; it lives with the engine. */
export class EngineTraining implements ExpertTraining {
  constructor(private readonly engine: EngineClient) {}

  size(plan: TrainingPlan): Promise<TrainingSize> {
    return this.ask({ kind: 'train-size', plan })
  }

  async expert(layer: number, kind: MixtureKind, expert: number): Promise<Float32Array> {
    return (await this.ask<ExpertWeightsReply>({ kind: 'train-expert', layer, mixture: kind, expert })).weights
  }

  begin(plan: TrainingPlan, weights?: Float32Array): Promise<TrainingSize> {
    return this.ask({ kind: 'train-begin', plan, weights })
  }

  step(batch: TrainingBatch, optimiser: AdamWOptions, { signal, ...terms }: PassOptions = {}): Promise<TrainingStep> {
    return this.ask({ kind: 'train-step', batch, optimiser, terms }, signal)
  }

  loss(batch: TrainingBatch, { signal, ...terms }: PassOptions = {}): Promise<TrainingLoss> {
    return this.ask({ kind: 'train-loss', batch, terms }, signal)
  }

  gradients(batch: TrainingBatch, { signal, ...terms }: PassOptions = {}): Promise<TrainingGradients> {
    return this.ask({ kind: 'train-gradients', batch, terms }, signal)
  }

  read(optimiser = true): Promise<TrainingState> {
    return this.ask({ kind: 'train-read', optimiser })
  }

  write(state: TrainingState): Promise<void> {
    return this.ask({ kind: 'train-write', state })
  }

  end(): Promise<void> {
    return this.ask({ kind: 'train-end' })
  }

  private async ask<T>(request: TrainingRequest, signal?: AbortSignal): Promise<T> {
    signal?.throwIfAborted()
    const ongoing: Ongoing<T> = this.engine.call<T>(request)
    const unlisten = onAbort(signal, () => ongoing.stop())
    try {
      return await ongoing.reply
    } catch (error) {
      if (error instanceof Interrupted) signal?.throwIfAborted()
      throw error
    } finally {
      unlisten()
    }
  }
}
