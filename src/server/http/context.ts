import type { RunContext } from '../run/context.js'
import type { Queue } from '../run/queue.js'
import type { Bodies } from './bodies.js'

/** Parts of the server that its endpoints share. */
export interface ServerContext extends RunContext {
  /** The model's name in requests and responses. */
  id: string
  /** System text of conversations that have none. */
  system?: string
  bodies: Bodies
  queue: Queue
  /** Receives unexpected errors, with the id of the response. */
  onError: (error: unknown, requestId?: string) => void
}
