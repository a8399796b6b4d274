import { ClientGone } from '../shared/api-error.js'
import { type Holder, runningOf, type Work } from './places.js'

/** A request's place in the queue. */
export interface Ticket {
  /** Aborted when its client has gone, or when the closing server no longer waits for it. */
  readonly signal: AbortSignal
  /**
   * Waits until one of its sequences may run. Rejects when the request is aborted, or with the error that `admit` throws.
   */
  slot(work: Work): Promise<Slot>
  abort(): void
  /** Ends the request. May be called again. */
  leave(): void
}

/** A place in which a sequence runs. */
export interface Slot {
  /** Tokens of its answer that it may make before it has to call `goOn`. */
  readonly answerTokens: number
  /** Pauses until it may run to its end. Rejects when the request is aborted. */
  goOn(): Promise<void>
  /** Gives the place back. */
  giveBack(): void
}

/** A ticket, as the queue sees it. */
export class QueuedRequest implements Ticket, Holder {
  readonly held = { long: 0, quick: 0, trial: 0 }
  pausing = 0
  /** Whether any of its sequences has had its turn. */
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
    const gone = () => this.abort()
    this.leave = () => {
      client?.removeEventListener('abort', gone)
      left()
    }
    if (client?.aborted) gone()
    else client?.addEventListener('abort', gone)
  }

  get running(): number {
    return runningOf(this)
  }

  get signal(): AbortSignal {
    return this.controller.signal
  }

  abort(reason: Error = new ClientGone('the client has gone')): void {
    this.controller.abort(reason)
  }
}
