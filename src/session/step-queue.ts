import type { StepMessage } from '../engine/protocol.js'

/** Unread steps of a generation, as an async iterable for one reader. */
export class StepQueue implements AsyncIterable<StepMessage> {
  private readonly steps: StepMessage[] = []
  private ended = false
  private wake?: () => void

  push(step: StepMessage): void {
    this.steps.push(step)
    this.wake?.()
  }

  /** Ends the queue when `reply` settles, either way. */
  endWith(reply: Promise<unknown>): void {
    const end = () => {
      this.ended = true
      this.wake?.()
    }
    reply.then(end, end)
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<StepMessage> {
    for (;;) {
      const step = this.steps.shift()
      if (step) yield step
      else if (this.ended) return
      else {
        await new Promise<void>((resolve) => {
          this.wake = resolve
        })
      }
    }
  }
}
