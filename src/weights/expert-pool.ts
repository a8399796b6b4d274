import type { Bank } from '../runtime/memory/bank.js'
import { awaitReading, claim, countHeld, isHeld, markAbsent, markHeld, noneHeld, want } from './residency.js'

/** Reads the packed bytes of an expert, by its number, into memory. */
export type ReadExpert = (id: number, target: Uint8Array) => void

/**
 * The experts of one kind in a bank: at most `capacity` at a time; the least recently used makes room. Experts are
 * numbered by their owner; all have the same size.
 *
 * If there is room for all, each has its place from the start, and another thread may read some of them into it.
 */
export class ExpertPool {
  hits = 0
  misses = 0
  /** Bytes that `require` has read. */
  bytesRead = 0
  /** Table of the experts' states, shared with other threads. */
  readonly residency: Int32Array
  /** Address of each expert; 0 while it has no place. */
  private readonly address: Uint32Array
  private readonly lastUse: Float64Array
  private now = 0
  /** Addresses of experts that could not be read. */
  private readonly spare: number[] = []
  /** Number of places in use. */
  private used = 0

  constructor(
    private readonly bank: Bank,
    readonly bytes: number,
    private readonly capacity: number,
    experts: number,
    private readonly read: ReadExpert,
  ) {
    this.residency = noneHeld(experts)
    this.address = new Uint32Array(experts)
    this.lastUse = new Float64Array(experts)
    if (this.holdsAll) for (let id = 0; id < experts; id++) this.address[id] = bank.arena.allocate(bytes)
  }

  /**
   * Whether there is room for all experts. Any thread that claims one in `residency` may then read it to its address.
   */
  get holdsAll(): boolean {
    return this.capacity >= this.address.length
  }

  /** Experts in memory now. */
  get held(): number {
    return countHeld(this.residency)
  }

  /** Address of an expert of the latest `require`, or of any expert if there is room for all. */
  at(id: number): number {
    return this.address[id]
  }

  /** Makes the experts `first` + list[0..count) resident together; calls `seekHelp` if several are missing. */
  require(first: number, list: Int32Array, count: number, seekHelp: () => void): void {
    const now = ++this.now
    let missing = 0
    for (let i = 0; i < count; i++) {
      const id = first + list[i]
      this.lastUse[id] = now
      if (!isHeld(this.residency, id)) missing++
    }
    this.hits += count - missing
    this.misses += missing
    if (missing === 0) return
    if (this.holdsAll && missing > 1) {
      for (let i = 0; i < count; i++) want(this.residency, first + list[i])
      seekHelp()
    }
    for (let i = 0; i < count; i++) if (claim(this.residency, first + list[i])) this.load(first + list[i])
    // Waits for those that another thread was reading; if it failed, reading them here reports the error.
    for (let i = 0; i < count; i++) {
      awaitReading(this.residency, first + list[i])
      if (claim(this.residency, first + list[i])) this.load(first + list[i])
    }
  }

  /** Puts an expert's bytes in place ahead of any use. */
  place(id: number, bytes: Uint8Array): void {
    this.bank.u8.set(bytes, this.placeFor(id))
    markHeld(this.residency, id)
  }

  private load(id: number): void {
    const address = this.placeFor(id)
    try {
      this.read(id, this.bank.u8.subarray(address, address + this.bytes))
    } catch (error) {
      markAbsent(this.residency, id)
      this.leave(id)
      throw error
    }
    this.bytesRead += this.bytes
    markHeld(this.residency, id)
  }

  private placeFor(id: number): number {
    if (this.address[id] === 0) this.address[id] = this.makeRoom()
    return this.address[id]
  }

  /** Gives an expert's place to others, unless every expert has its own. */
  private leave(id: number): void {
    if (this.holdsAll) return
    this.spare.push(this.address[id])
    this.address[id] = 0
  }

  /** Finds a free range, or takes that of the expert used longest ago, which the current step does not use. */
  private makeRoom(): number {
    const spare = this.spare.pop()
    if (spare !== undefined) return spare
    if (this.used < this.capacity) {
      this.used++
      return this.bank.arena.allocate(this.bytes)
    }
    let oldest = -1
    for (let id = 0; id < this.address.length; id++) {
      if (isHeld(this.residency, id) && (oldest < 0 || this.lastUse[id] < this.lastUse[oldest])) oldest = id
    }
    const address = this.address[oldest]
    this.address[oldest] = 0
    markAbsent(this.residency, oldest)
    return address
  }
}
