import type { Bank } from '../runtime/memory/bank.js'
import { awaitReading, claim, countHeld, isHeld, markAbsent, markHeld, noneHeld, vacate, want } from './residency.js'

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
  /** Table of the experts' states, shared with other threads. */
  readonly residency: Int32Array
  /** Address of each expert, shared with other threads; 0 while it has no place. */
  readonly address: Uint32Array
  private readonly lastUse: Float64Array
  private now = 0
  /** Whether the latest uses have been counted by `request`. */
  private isCounted = false
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
    this.address = new Uint32Array(new SharedArrayBuffer(experts * 4))
    this.lastUse = new Float64Array(experts)
    if (this.holdsAll) for (let id = 0; id < experts; id++) this.address[id] = bank.arena.allocate(bytes)
  }

  /**
   * Whether there is room for all experts. Any thread that claims one in `residency` may then read it to its address.
   */
  get holdsAll(): boolean {
    return this.capacity >= this.address.length
  }

  /** Bytes read for uses of missing experts, by whichever thread. */
  get bytesRead(): number {
    return this.misses * this.bytes
  }

  /** Experts in memory now. */
  get held(): number {
    return countHeld(this.residency)
  }

  /** Address of an expert of the latest `require`, or of any expert if there is room for all. */
  at(id: number): number {
    return this.address[id]
  }

  /**
   * Gives the experts `first` + list[0..count) places, and asks another thread for the missing ones by `seekHelp`.
   * `require` for the same experts must follow, unless the batch fails.
   */
  request(first: number, list: Int32Array, count: number, seekHelp: () => void): void {
    // A batch that failed may have left it set.
    this.isCounted = false
    const missing = this.count(first, list, count)
    this.isCounted = true
    if (missing === 0) return
    for (let i = 0; i < count; i++) {
      const id = first + list[i]
      if (isHeld(this.residency, id)) continue
      this.placeFor(id)
      want(this.residency, id)
    }
    seekHelp()
  }

  /** Makes the experts `first` + list[0..count) resident together; calls `seekHelp` if several are missing. */
  require(first: number, list: Int32Array, count: number, seekHelp: () => void): void {
    const missing = this.count(first, list, count)
    this.isCounted = false
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

  /** Notes the use of experts. Returns the number of missing ones. */
  private count(first: number, list: Int32Array, count: number): number {
    const now = ++this.now
    let missing = 0
    for (let i = 0; i < count; i++) {
      const id = first + list[i]
      this.lastUse[id] = now
      if (!isHeld(this.residency, id)) missing++
    }
    if (!this.isCounted) {
      this.hits += count - missing
      this.misses += missing
    }
    return missing
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
    for (;;) {
      let oldest = -1
      for (let id = 0; id < this.address.length; id++) {
        if (this.address[id] !== 0 && (oldest < 0 || this.lastUse[id] < this.lastUse[oldest])) oldest = id
      }
      if (vacate(this.residency, oldest)) return this.takePlaceOf(oldest)
      // Another thread is reading it, for a batch that has failed since.
      awaitReading(this.residency, oldest)
    }
  }

  private takePlaceOf(id: number): number {
    const address = this.address[id]
    this.address[id] = 0
    return address
  }
}
