import type { ExpertTraining, PassOptions, PassTerms } from '../../../api/training.js'

/*
 * Messages that call the methods of ExpertTraining in the engine. Names, arguments and results come from the
 * interface: a new method is declared there alone.
 */

export type TrainingMethod = keyof ExpertTraining

/** Arguments of a method. A signal stays with the caller, since it cannot be sent to another thread. */
export type TrainingArguments<M extends TrainingMethod> = Sendable<Parameters<ExpertTraining[M]>>

export type TrainingResult<M extends TrainingMethod> = Awaited<ReturnType<ExpertTraining[M]>>

export type TrainingRequest = { [M in TrainingMethod]: TrainingCall<M> }[TrainingMethod]

export interface TrainingCall<M extends TrainingMethod> {
  kind: 'train'
  method: M
  arguments: TrainingArguments<M>
}

type Sendable<Arguments extends unknown[]> = {
  [I in keyof Arguments]: PassOptions extends Arguments[I] ? PassTerms | undefined : Arguments[I]
}
