import type { UserError } from '../../ground/errors.js'

/** A form to prepare, or a text to follow. */
export abstract class Task<Reply> {
  id = 0
  /** Whether it is for the slow lane. */
  isSlow = false
  /** Milliseconds that it has computed in the quick lane. */
  spent = 0
  /** Whether the form is not prepared yet, or the text has no limits yet. */
  isAwaited = true
  private readonly ready: Promise<void>
  protected succeed: () => void = () => {}
  private reject: (error: UserError) => void = () => {}

  constructor(readonly client?: string) {
    this.ready = new Promise<void>((resolve, reject) => {
      this.succeed = () => {
        this.isAwaited = false
        resolve()
      }
      this.reject = reject
    })
    this.ready.catch(() => {})
  }

  /** Name of the form, for messages. */
  abstract readonly name: string
  /** Message that starts it in a thread. */
  abstract readonly request: object
  /** Milliseconds that it may compute in the quick lane, all computations together. */
  abstract readonly allowance: number
  /** Whether another thread can take it over. */
  abstract readonly canMove: boolean

  /** Takes a reply of its thread. Returns whether the thread is done with it. */
  abstract received(reply: Reply): boolean

  /** Smaller tasks of a client begin first. */
  get size(): number {
    return 0
  }

  slowDown(): void {
    this.isSlow = true
  }

  fail(error: UserError): void {
    this.isAwaited = false
    this.reject(error)
  }

  /** Resolves with its first result. Rejects with the error that ended it, or with the signal's reason. */
  async untilReady(signal?: AbortSignal): Promise<void> {
    const done = new AbortController()
    const aborted = new Promise<never>((_, reject) => {
      signal?.addEventListener('abort', () => reject(signal.reason), { signal: done.signal })
    })
    await Promise.race([this.ready, aborted]).finally(() => done.abort())
  }
}
