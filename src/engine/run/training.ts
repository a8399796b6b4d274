import type { TrainingPlan, TrainingSize } from '../../api/training.js'
import { UserError } from '../../ground/errors.js'
import { option, phrase } from '../../ground/message.js'
import { expertWeights } from '../training/expert-weights.js'
import { trainingOf } from '../training/families/index.js'
import type { CheckStop, TrainedModel } from '../training/network.js'
import { Trainer } from '../training/trainer.js'
import type { LoadedModel } from './load.js'
import type {
  TrainingArguments,
  TrainingMethod,
  TrainingRequest,
  TrainingResult,
} from './messages/training-requests.js'
import { Stopped, type Task } from './reading/demand.js'

/** Carries out each method at once, or as a task that yields between micro-batches. */
type Methods = {
  [M in TrainingMethod]: (
    ...args: TrainingArguments<M>
  ) => TrainingResult<M> | Generator<undefined, TrainingResult<M>, number>
}

/** The engine's training, if one is under way, and its requests. */
export class Training {
  private trainer?: Trainer

  constructor(private readonly loaded: LoadedModel) {}

  *task({ method, arguments: args }: TrainingRequest, stop: Int32Array): Task {
    const check = () => {
      if (Atomics.load(stop, 0) !== 0) throw new Stopped('stopped')
    }
    const run = this.methods(check)[method] as (...args: unknown[]) => unknown
    const result = run(...args)
    return isTask(result) ? yield* result : result
  }

  private methods(check: CheckStop): Methods {
    return {
      size: (plan) => new Trainer(this.model(), plan, { onlySize: true }).size,
      expert: (layer, kind, expert) => expertWeights(this.loaded, layer, kind, expert),
      begin: (plan, weights) => this.begin(plan, weights),
      step: (batch, optimiser, terms) => this.underWay().step(batch, optimiser, terms, check),
      loss: (batch, terms) => this.underWay().loss(batch, terms, check),
      gradients: (batch, terms) => this.underWay().gradients(batch, terms, check),
      read: (optimiser = true) => this.underWay().read(optimiser),
      write: (state) => this.underWay().write(state),
      end: () => this.end(),
    }
  }

  private begin(plan: TrainingPlan, weights?: Float32Array): TrainingSize {
    this.end()
    const trainer = new Trainer(this.model(), plan)
    try {
      trainer.begin(weights)
    } catch (error) {
      trainer.release()
      throw error
    }
    this.trainer = trainer
    return trainer.size
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
    if (model.config.mixtures.some(({ used }) => used)) {
      throw new UserError(
        phrase`experts are taught with the experts per token of config.json: load the model with ${option('expertsPerToken')} trained`,
      )
    }
    return { config: model.config, formats, layout, store, pool, build: trainingOf(model.config) }
  }
}

function isTask(result: unknown): result is Task {
  return typeof result === 'object' && result !== null && 'next' in result
}
