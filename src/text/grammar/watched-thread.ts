import { endThread, type Thread } from '../../ground/platform/threads.js'
import { lowerPriority, type Work, WorkWatch, workerOf } from './work-marks.js'

/** Milliseconds between two looks at a thread. */
const LOOK_MS = 50

export interface ThreadEnd {
  /** Number for which it was computing; 0 for none. */
  who: number
  error?: string
}

/** Receives what a thread sends, and learns how it does. */
export interface ThreadEvents<Received> {
  received(message: Received): void
  /** Called from time to time while the thread works. */
  working(work: Work): void
  ended(end: ThreadEnd): void
}

/** The part of a thread that its owner uses. */
export type OwnedThread = Pick<WatchedThread<never>, 'post' | 'attend' | 'letWait' | 'end'>

/** A thread that marks its work, as the thread that started it sees it. Ends one that computes for too long. */
export class WatchedThread<Received> {
  /** Whether the thread has ended, or is about to. */
  private hasEnded = false
  private readonly watch: WorkWatch
  private timer?: ReturnType<typeof setInterval>
  private error?: string
  private isToWait = false

  constructor(
    private readonly thread: Thread,
    marks: Int32Array,
    events: ThreadEvents<Received>,
  ) {
    this.watch = new WorkWatch(marks)
    this.look = () => {
      if (this.isToWait && lowerPriority(marks)) this.isToWait = false
      const work = this.watch.look()
      if (work && !this.hasEnded) events.working(work)
    }
    thread.unref()
    thread.on('message', events.received)
    thread.on('error', (error) => {
      this.error = error.message
    })
    let isOver = false
    this.finish = () => {
      if (isOver) return
      isOver = true
      this.hasEnded = true
      clearInterval(this.timer)
      events.ended({ who: workerOf(marks), error: this.error })
    }
    thread.on('exit', this.finish)
  }

  post(message: unknown): void {
    this.thread.postMessage(message)
  }

  /** Looks at the thread while it has work. `isAwaited`: the process stays alive for it. */
  attend(hasWork: boolean, isAwaited = false): void {
    if (isAwaited) this.thread.ref()
    else this.thread.unref()
    if (!hasWork) {
      clearInterval(this.timer)
      this.timer = undefined
    } else if (!this.timer) {
      // The time before belongs to no guide.
      this.watch.look()
      this.timer = setInterval(this.look, LOOK_MS).unref()
    }
  }

  /** Lets all other threads go before this one from now on. */
  letWait(): void {
    this.isToWait = true
  }

  /** Ends the thread wherever it is; `ended` follows. */
  async end(): Promise<void> {
    this.hasEnded = true
    await endThread(this.thread)
    // Others wait for it, even if Node cannot end the thread.
    this.finish()
  }

  private readonly look: () => void
  private readonly finish: () => void
}
