import type { Atlas } from '../../lab/experts/atlas/atlas.js'
import type { RunContext } from '../run/context.js'
import type { Queue } from '../run/queue.js'
import type { Bodies } from './bodies.js'

/** Parts of the server that its endpoints share. */
export interface ServerContext extends RunContext {
  /** The model's name in requests and responses. */
  id: string
  /** Time when the model was loaded, in seconds since 1970. */
  since: number
  /** Names of the experts. */
  atlas?: Atlas
  bodies: Bodies
  queue: Queue
  /** Receives unexpected errors, with the id of the response. */
  onError: (error: unknown, requestId?: string) => void
}
