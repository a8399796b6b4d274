import type { AnswersScreen } from '../items.js'
import type { ChatWatcher } from '../watcher.js'

/** Work of the model that the user may stop, one at a time. */
export class RunningWork {
  /** Follows the running answer, until its text is among the finished ones. */
  watcher?: ChatWatcher
  private controller?: AbortController
  private last: Promise<unknown> = Promise.resolve()

  constructor(private readonly screen: AnswersScreen) {}

  get isRunning(): boolean {
    return this.controller !== undefined
  }

  /** Runs work until its signal says that it is to stop; errors are shown. False if it was stopped or failed. */
  run(watcher: ChatWatcher, work: (signal: AbortSignal) => Promise<void>): Promise<boolean> {
    const running = this.carryOut(watcher, work)
    this.last = running
    return running
  }

  private async carryOut(watcher: ChatWatcher, work: (signal: AbortSignal) => Promise<void>): Promise<boolean> {
    this.controller = new AbortController()
    const { signal } = this.controller
    this.watcher = watcher
    this.screen.changed()
    try {
      await work(signal)
      return true
    } catch (error) {
      if (signal.aborted) this.screen.say('note', 'stopped')
      else this.screen.fail(error)
      return false
    } finally {
      this.watcher = undefined
      this.controller = undefined
      this.screen.changed()
    }
  }

  async settled(): Promise<void> {
    await this.last
  }

  /** Stops the work; false if none is running, or it has been stopped. */
  stop(): boolean {
    if (!this.controller || this.controller.signal.aborted) return false
    this.controller.abort()
    return true
  }
}
