import type { Model } from '../../api/model.js'
import type { Metrics } from '../api/metrics.js'
import type { Bodies } from '../http/bodies.js'
import type { Limits } from '../http/limits.js'
import type { AnswerMemory } from './answer-memory.js'
import type { Sessions } from './prefix-cache.js'
import type { Queue } from './queue.js'

/** What all endpoints share. */
export interface Serving {
  model: Model
  /** What clients call the model. */
  id: string
  /** When it was loaded, in seconds since 1970. */
  since: number
  bodies: Bodies
  answerMemory: AnswerMemory
  queue: Queue
  sessions: Sessions
  metrics: Metrics
  limits: Limits
  /** Told of errors that nobody foresaw, with the id of the response. */
  onError: (error: unknown, requestId: string) => void
}
