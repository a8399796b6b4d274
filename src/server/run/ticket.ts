import { ClientGone } from '../common/api-error.js'
import { type Holder, runningOf, type Work } from './places.js'

/** A request's place in the queue. */
export interface Ticket {
  /** Aborted when the client disconnects, or when a closing server stops waiting. */
  readonly signal: AbortSignal
  /**
   * Waits until a sequence of the request may run. Rejects if the request is aborted, or with the error that `admit` throws.
   */
  slot(work: Work): Promise<Slot>
  abort(): void
  /** Ends the request. May be called again. */
  leave(): void
}

/** A sequence's place to run in. */
export interface Slot {
  /** Tokens of the answer that may be generated before `resume` has to be called. */
  readonly answerTokens: number
  /** Pauses until the sequence may run to its end. Rejects if the request is aborted. */
  resume(): Promise<void>
  /** Frees the place. */
  release(): void
}

/** The queue's side of a ticket. */
export class QueuedRequest implements Ticket, Holder {
  readonly held = { long: 0, quick: 0, trial: 0 }
  pausing = 0
  /** Whether any of its sequences has had a place. */
  isBegun = false
  readonly enteredAt = performance.now()
  readonly leave: () => void
  private readonly controller = new AbortController()

  constructor(
    client: AbortSignal | undefined,
    readonly isLarge: boolean,
    readonly slot: (work: Work) => Promise<Slot>,
    left: () => void,
  ) {
    const abort = () => this.abort()
    this.leave = () => {
      client?.removeEventListener('abort', abort)
      left()
    }
    if (client?.aborted) abort()
    else client?.addEventListener('abort', abort)
  }

  get running(): number {
    return runningOf(this)
  }

  get signal(): AbortSignal {
    return this.controller.signal
  }

  abort(reason: Error = new ClientGone('the client has disconnected')): void {
    this.controller.abort(reason)
  }
}
