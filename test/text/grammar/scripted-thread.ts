import type { ThreadEvents } from '#molm/text/grammar/watched-thread.js'

/** A thread of guides that does what a test says. */
export class ScriptedThread<Request, Reply> {
  readonly posted: Request[] = []
  hasEnded = false
  /** Whether all others go before it. */
  isWaiting = false

  constructor(readonly events: ThreadEvents<Reply>) {}

  post(request: unknown): void {
    this.posted.push(request as Request)
  }

  attend(): void {}

  letWait(): void {
    this.isWaiting = true
  }

  async end(): Promise<void> {
    this.hasEnded = true
  }

  /** Works for a guide, with its one computation so far and the part of it that is new. */
  work(who: number, ms: number, newMs = ms): void {
    this.events.working({ who, ms, newMs })
  }
}
