/** Drafts of the latest micro-batch: the last positions of a cache, until it is known how many of them stay. */
export class DraftedPositions {
  /** States before the first draft and after each, one after another. */
  private readonly states: Float32Array

  constructor(
    /** Position of the first draft. */
    private readonly start: number,
    readonly count: number,
    /** Positions after drafts that become checkpoints if they stay. */
    readonly marks: readonly number[],
    /** Floats of the running states at a position. */
    private readonly floats: number,
  ) {
    this.states = new Float32Array(floats > 0 ? (count + 1) * floats : 0)
  }

  /** Positions whose states are kept: before the first draft and after each. */
  get kept(): { position: number; state: Float32Array }[] {
    if (this.floats === 0) return []
    return Array.from({ length: this.count + 1 }, (_, i) => {
      const position = this.start + i
      return { position, state: this.stateAt(position) }
    })
  }

  /** States at a position, a view of them. Empty if there are none. */
  stateAt(position: number): Float32Array {
    const from = (position - this.start) * this.floats
    return this.states.subarray(from, from + this.floats)
  }
}
