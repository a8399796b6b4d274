import { UserError } from '../errors.js'
import { expertWeights } from '../training/expert-weights.js'
import { trainingOf } from '../training/families/index.js'
import { type TrainedModel, Trainer } from '../training/trainer.js'
import { Stopped, type Task } from './demand.js'
import type { LoadedModel } from './load.js'
import type { TrainingRequest } from './protocol.js'

/** The training that an engine has under way, if any, and its requests. */
export class Training {
  private trainer?: Trainer

  constructor(private readonly loaded: LoadedModel) {}

  /** A request as a task; others may have their turn between micro-batches. */
  *task(request: TrainingRequest, stop: Int32Array): Task {
    const check = () => {
      if (Atomics.load(stop, 0) !== 0) throw new Stopped('stopped')
    }
    switch (request.kind) {
      case 'train-size':
        return new Trainer(this.model(), request.plan, { onlySize: true }).size
      case 'train-expert':
        return { weights: expertWeights(this.loaded, request.layer, request.mixture, request.expert) }
      case 'train-begin': {
        this.end()
        const trainer = new Trainer(this.model(), request.plan)
        try {
          trainer.begin(request.weights)
        } catch (error) {
          trainer.release()
          throw error
        }
        this.trainer = trainer
        return trainer.size
      }
      case 'train-step':
        return yield* this.underWay().step(request.batch, request.optimiser, request.terms, check)
      case 'train-loss':
        return yield* this.underWay().loss(request.batch, request.terms, check)
      case 'train-gradients':
        return yield* this.underWay().gradients(request.batch, request.terms, check)
      case 'train-read':
        return this.underWay().read(request.optimiser)
      case 'train-write':
        return this.underWay().write(request.state)
      case 'train-end':
        return this.end()
    }
  }

  private end(): void {
    this.trainer?.release()
    this.trainer = undefined
  }

  private underWay(): Trainer {
    if (!this.trainer) throw new UserError('no training is under way')
    return this.trainer
  }

  private model(): TrainedModel {
    const { model, formats, layout, store, pool } = this.loaded
    return { config: model.config, formats, layout, store, pool, build: trainingOf(model.config) }
  }
}
