/** Samples that are taken in a run. */
const SAMPLES = 40
/** Part of a run that fills caches and compiles code; its samples do not count. */
const WARM_UP = 1 / 4
/** Most that memory may grow from the end of the warm-up to the end of the run. */
const MOST = 1.3

interface Sample {
  step: number
  bytes: number
}

/**
 * Says whether memory grows over a run of `steps` steps: by the straight line that fits the samples after the warm-up
 * best (least squares), so that a single large sample neither fails a run nor hides a leak.
 */
export class MemoryGrowth {
  private readonly samples: Sample[] = []

  constructor(
    private readonly name: string,
    private readonly steps: number,
  ) {}

  /** Whether a sample is to be taken at this step. */
  wants(step: number): boolean {
    return step % Math.max(1, Math.floor(this.steps / SAMPLES)) === 0
  }

  add(step: number, bytes: number): void {
    if (step >= WARM_UP * this.steps) this.samples.push({ step, bytes })
  }

  /** Bytes of the line at the end of the warm-up and at the end of the run. */
  get line(): { from: number; to: number } {
    const mean = (of: (sample: Sample) => number) =>
      this.samples.reduce((sum, sample) => sum + of(sample), 0) / this.samples.length
    const [step, bytes] = [mean((sample) => sample.step), mean((sample) => sample.bytes)]
    const spread = mean((sample) => (sample.step - step) ** 2)
    const slope = mean((sample) => (sample.step - step) * (sample.bytes - bytes)) / spread
    const at = (place: number) => bytes + slope * (place - step)
    return { from: at(WARM_UP * this.steps), to: at(this.steps) }
  }

  /** Too few samples to judge count as too much, so that a run that was too short does not pass. */
  get isTooMuch(): boolean {
    const { from, to } = this.line
    return !(to <= MOST * from)
  }

  get summary(): string {
    const { from, to } = this.line
    const mb = (bytes: number) => `${(bytes / 1e6).toFixed(1)} MB`
    const verdict = this.isTooMuch ? `more than ${MOST} times` : `at most ${MOST} times are allowed`
    return `${this.name}: from ${mb(from)} to ${mb(to)} after the warm-up, ${(to / from).toFixed(2)} times (${verdict})`
  }
}
