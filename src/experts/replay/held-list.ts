/** Experts in memory, in the order of their last use: a doubly linked list over the numbers of experts. */
export class HeldList {
  size = 0
  private readonly next: Int32Array
  private readonly previous: Int32Array
  private readonly held: Uint8Array
  /** Number of the place before the first and after the last expert. */
  private readonly end: number

  constructor(experts: number) {
    this.end = experts
    this.next = new Int32Array(experts + 1).fill(experts)
    this.previous = new Int32Array(experts + 1).fill(experts)
    this.held = new Uint8Array(experts)
  }

  has(expert: number): boolean {
    return this.held[expert] === 1
  }

  /** The expert used longest ago. -1 if there is none. */
  get oldest(): number {
    const first = this.next[this.end]
    return first === this.end ? -1 : first
  }

  *oldestFirst(): Generator<number> {
    for (let at = this.next[this.end]; at !== this.end; at = this.next[at]) yield at
  }

  *newestFirst(): Generator<number> {
    for (let at = this.previous[this.end]; at !== this.end; at = this.previous[at]) yield at
  }

  /** Puts an expert at the end, as the newest. */
  add(expert: number): void {
    const last = this.previous[this.end]
    this.next[last] = expert
    this.previous[expert] = last
    this.next[expert] = this.end
    this.previous[this.end] = expert
    this.held[expert] = 1
    this.size++
  }

  remove(expert: number): void {
    const [before, after] = [this.previous[expert], this.next[expert]]
    this.next[before] = after
    this.previous[after] = before
    this.held[expert] = 0
    this.size--
  }
}
