import type { ThreadEnd } from '#molm/text/grammar/watched-thread.js'
import type { Work } from '#molm/text/grammar/work-marks.js'

interface Events<Reply> {
  received(reply: Reply): void
  working(work: Work): void
  ended(end: ThreadEnd): void
}

/** A thread of guides that does what a test says. */
export class ScriptedThread<Request, Reply> {
  readonly posted: Request[] = []
  hasEnded = false
  /** Whether all others go before it. */
  isWaiting = false

  constructor(readonly events: Events<Reply>) {}

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
