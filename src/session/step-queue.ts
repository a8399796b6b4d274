import type { StepMessage } from '../engine/protocol.js'

/** Steps that have come and not been read yet, as an async iterable for one reader. */
export class StepQueue implements AsyncIterable<StepMessage> {
  private readonly steps: StepMessage[] = []
  private ended = false
  private wake?: () => void

  push(step: StepMessage): void {
    this.steps.push(step)
    this.wake?.()
  }

  /** No more will come once the reply has, whatever it is. */
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
