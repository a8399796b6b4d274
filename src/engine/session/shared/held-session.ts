import type { Session } from '../../../api/session.js'

/** Least tokens that a session shares with another one: fewer it reads itself as fast. */
export const LEAST_SHARED = 64

/** A session whose beginning another one is to share. */
export interface SharedBeginning {
  session: Session
  tokens: number
  /** Its use by another request; absent if it is at rest. */
  held?: HeldSession
}

/** A session in use. */
export class HeldSession {
  /** Tokens at the beginning of the prompt that the session had already. */
  cached: number
  /** Beginning that it shares with another session, once that one has read it. */
  source?: SharedBeginning
  private readSoFar: number
  private isOver = false
  private waiting: (() => void)[] = []

  constructor(
    /** Replaced by a fork if it shares a beginning. */
    public session: Session,
    readonly prompt: readonly number[],
    /** Tokens that it has memory for. */
    public room: number,
    cached = 0,
  ) {
    this.cached = cached
    this.readSoFar = cached
  }

  get read(): number {
    return this.readSoFar
  }

  set read(tokens: number) {
    this.readSoFar = tokens
    this.wake()
  }

  /** Replaces the session by a fork of another one, with the beginning that it has. */
  replaceBy(fork: Session): void {
    this.session.dispose()
    this.session = fork
    this.cached = fork.length
    this.read = fork.length
  }

  /** Keeps in the session what a request that was stopped has read of its prompt. */
  keepRead(): void {
    const { session, prompt } = this
    if (session.length < prompt.length) session.truncateToCommon(prompt)
  }

  end(): void {
    this.isOver = true
    this.wake()
  }

  /** Resolves once it has read `tokens` tokens of its prompt, or its request has ended. Rejects if aborted. */
  async reached(tokens: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted()
    const wake = () => this.wake()
    signal?.addEventListener('abort', wake)
    try {
      while (this.readSoFar < tokens && !this.isOver && !signal?.aborted) {
        await new Promise<void>((resolve) => this.waiting.push(resolve))
      }
    } finally {
      signal?.removeEventListener('abort', wake)
    }
    signal?.throwIfAborted()
  }

  private wake(): void {
    for (const resolve of this.waiting.splice(0)) resolve()
  }
}
