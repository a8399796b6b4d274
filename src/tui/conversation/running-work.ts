import { setTimeout as wait } from 'node:timers/promises'
import type { AnswerPart } from '../../session/answer.js'
import type { ChatWatcher, Thought } from './watcher.js'

/** Ms between looks whether work has ended. */
const POLL_MS = 5

/** Shows the course of work. */
export interface WorkScreen {
  say(kind: 'note', text: string): void
  fail(error: unknown): void
  changed(): void
}

/** Work of the model that the user may stop, one at a time. */
export class RunningWork {
  private watcher?: ChatWatcher
  private controller?: AbortController

  constructor(private readonly screen: WorkScreen) {}

  get isRunning(): boolean {
    return this.controller !== undefined
  }

  /** Text of the running answer so far. */
  get text(): string {
    return this.watcher?.answer ?? ''
  }

  /** Whether that text is shown as written. */
  get isLiteral(): boolean {
    return this.watcher?.isLiteral ?? false
  }

  /** Thoughts before the running answer. */
  get thought(): Thought | undefined {
    return this.watcher?.thought
  }

  /** Part of the message that comes now. */
  get part(): AnswerPart | undefined {
    return this.watcher?.part
  }

  /** Progress of reading a long prompt, in words. */
  get reading(): string | undefined {
    return this.watcher?.reading
  }

  /** Runs work until its signal says that it is to stop; errors are shown. False if it was stopped or failed. */
  async run(
    watcher: ChatWatcher,
    work: (watcher: ChatWatcher, signal: AbortSignal) => Promise<void>,
  ): Promise<boolean> {
    this.controller = new AbortController()
    const { signal } = this.controller
    this.watcher = watcher
    this.screen.changed()
    try {
      await work(watcher, signal)
      return true
    } catch (error) {
      if (signal.aborted) this.screen.say('note', 'stopped')
      else this.screen.fail(error)
      return false
    } finally {
      this.hide()
      this.controller = undefined
      this.screen.changed()
    }
  }

  /** Resolves when nothing runs. */
  async settled(): Promise<void> {
    while (this.isRunning) await wait(POLL_MS)
  }

  /** Shows the text no longer. */
  hide(): void {
    this.watcher = undefined
  }

  /** Stops the work; false if none is running, or it has been stopped. */
  stop(): boolean {
    if (!this.controller || this.controller.signal.aborted) return false
    this.controller.abort()
    return true
  }
}
