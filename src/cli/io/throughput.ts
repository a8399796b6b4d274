/** So far back the speed is measured: long enough to be calm, short enough to follow the line. */
const WINDOW_MS = 8000

/** Speed of a piece of work, from how far it had come at times. */
export class Throughput {
  private readonly samples: { time: number; done: number }[] = []

  constructor(private readonly now: () => number = () => performance.now()) {}

  add(done: number): void {
    const time = this.now()
    this.samples.push({ time, done })
    while (this.samples.length > 2 && time - this.samples[0].time > WINDOW_MS) this.samples.shift()
  }

  /** Units a second; undefined before that can be told. */
  get perSecond(): number | undefined {
    const [first, last] = [this.samples[0], this.samples.at(-1)]
    if (!first || !last || last.time - first.time < 500) return undefined
    return (1000 * (last.done - first.done)) / (last.time - first.time)
  }
}
