import type {
  AdamWOptions,
  ExpertTraining,
  PassOptions,
  TrainingBatch,
  TrainingGradients,
  TrainingLoss,
  TrainingPlan,
  TrainingSize,
  TrainingState,
  TrainingStep,
} from '../api/training.js'
import { type EngineClient, Interrupted, type Ongoing } from '../engine/client.js'
import type { ExpertWeightsReply, TrainingRequest } from '../engine/protocol.js'
import type { MixtureKind } from '../model/config.js'
import { onAbort } from './on-abort.js'

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
