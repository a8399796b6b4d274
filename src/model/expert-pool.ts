import type { Bank } from '../runtime/bank.js'

/** Reads the packed bytes of an expert, by its number, into memory. */
export type ReadExpert = (id: number, target: Uint8Array) => void

/**
 * The experts of one kind that a bank holds at any time: at most `capacity`, the least recently used leaving first.
 * Experts are numbered by their owner; all have the same size.
 */
export class ExpertPool {
  hits = 0
  misses = 0
  /** Experts held now. */
  held = 0
  /** Address of each expert, 0 while it is not held. */
  private readonly address: Uint32Array
  private readonly lastUse: Float64Array
  private now = 0

  constructor(
    private readonly bank: Bank,
    readonly bytes: number,
    private readonly capacity: number,
    experts: number,
    private readonly read: ReadExpert,
  ) {
    this.address = new Uint32Array(experts)
    this.lastUse = new Float64Array(experts)
  }

  /** Address of an expert that the latest `require` named. */
  at(id: number): number {
    return this.address[id]
  }

  /** Makes the experts `first` + list[0..count) resident together, reading those that are not. */
  require(first: number, list: Int32Array, count: number): void {
    const now = ++this.now
    let missing = 0
    for (let i = 0; i < count; i++) {
      const id = first + list[i]
      this.lastUse[id] = now
      if (this.address[id] === 0) missing++
    }
    this.hits += count - missing
    if (missing === 0) return
    this.misses += missing
    for (let i = 0; i < count; i++) if (this.address[first + list[i]] === 0) this.load(first + list[i])
  }

  /** Puts an expert's bytes in place ahead of any use. */
  place(id: number, bytes: Uint8Array): void {
    const address = this.makeRoom()
    this.bank.u8.set(bytes, address)
    this.address[id] = address
  }

  private load(id: number): void {
    const address = this.makeRoom()
    this.read(id, this.bank.u8.subarray(address, address + this.bytes))
    this.address[id] = address
  }

  /** A free range, or that of the expert used longest ago, which none of the step at hand can be. */
  private makeRoom(): number {
    if (this.held < this.capacity) {
      this.held++
      return this.bank.arena.allocate(this.bytes)
    }
    let oldest = -1
    for (let id = 0; id < this.address.length; id++) {
      if (this.address[id] !== 0 && (oldest < 0 || this.lastUse[id] < this.lastUse[oldest])) oldest = id
    }
    const address = this.address[oldest]
    this.address[oldest] = 0
    return address
  }
}
