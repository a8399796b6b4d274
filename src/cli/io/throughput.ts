/** Ms over which the speed is measured: long enough to be steady, short enough to follow the connection. */
const WINDOW_MS = 8000

/** Speed of a piece of work, measured from its progress in the last seconds. */
export class Throughput {
  private readonly samples: { time: number; done: number }[] = []

  constructor(private readonly now: () => number = () => performance.now()) {}

  /** Adds the progress so far. */
  add(done: number): void {
    const time = this.now()
    this.samples.push({ time, done })
    while (this.samples.length > 2 && time - this.samples[0].time > WINDOW_MS) this.samples.shift()
  }

  /** Units per second; undefined in the first half second. */
  get perSecond(): number | undefined {
    const [first, last] = [this.samples[0], this.samples.at(-1)]
    if (!first || !last || last.time - first.time < 500) return undefined
    return (1000 * (last.done - first.done)) / (last.time - first.time)
  }
}
