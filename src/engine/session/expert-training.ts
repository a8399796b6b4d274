import type { ExpertTraining } from '../../api/training.js'
import type { EngineCalls } from '../run/client.js'
import type {
  TrainingArguments,
  TrainingMethod,
  TrainingRequest,
  TrainingResult,
} from '../run/messages/training-requests.js'
import { settled } from './generation/settled.js'

/** The caller's side of a training: sends each call to the engine. */
export class EngineTraining implements ExpertTraining {
  readonly size: ExpertTraining['size'] = (...plan) => this.ask('size', plan)
  readonly expert: ExpertTraining['expert'] = (...which) => this.ask('expert', which)
  readonly begin: ExpertTraining['begin'] = (...plan) => this.ask('begin', plan)
  readonly step: ExpertTraining['step'] = (batch, optimiser, { signal, ...terms } = {}) =>
    this.ask('step', [batch, optimiser, terms], signal)
  readonly loss: ExpertTraining['loss'] = (batch, { signal, ...terms } = {}) => this.ask('loss', [batch, terms], signal)
  readonly gradients: ExpertTraining['gradients'] = (batch, { signal, ...terms } = {}) =>
    this.ask('gradients', [batch, terms], signal)
  readonly read: ExpertTraining['read'] = (...optimiser) => this.ask('read', optimiser)
  readonly write: ExpertTraining['write'] = (...state) => this.ask('write', state)
  readonly end: ExpertTraining['end'] = () => this.ask('end', [])

  /** Whether the engine may have state of a training. */
  hasBegun = false

  constructor(private readonly engine: EngineCalls) {}

  private async ask<M extends TrainingMethod>(
    method: M,
    args: TrainingArguments<M>,
    signal?: AbortSignal,
  ): Promise<TrainingResult<M>> {
    signal?.throwIfAborted()
    this.hasBegun = true
    const request = { kind: 'train', method, arguments: args } as TrainingRequest
    return settled(this.engine.call<TrainingResult<M>>(request), signal)
  }
}
