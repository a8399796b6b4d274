import type { Bank } from '../runtime/memory/bank.js'
import { awaitReading, claim, countHeld, isHeld, markAbsent, markHeld, noneHeld, want } from './residency.js'

/** Reads the packed bytes of an expert, by its number, into memory. */
export type ReadExpert = (id: number, target: Uint8Array) => void

/**
 * The experts of one kind that a bank holds at any time: at most `capacity`, the least recently used leaving first.
 * Experts are numbered by their owner; all have the same size.
 *
 * Where there is room for all, each has its place from the start, and another thread may read some of them there.
 */
export class ExpertPool {
  hits = 0
  misses = 0
  /** Bytes that `require` has read. */
  bytesRead = 0
  /** Which are in memory. */
  readonly residency: Int32Array
  /** Address of each expert, 0 while it has no place. */
  private readonly address: Uint32Array
  private readonly lastUse: Float64Array
  private now = 0
  /** Places of experts that could not be read. */
  private readonly spare: number[] = []
  /** Places given out. */
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

  /** Whether there is room for all: then whoever claims one in `residency` may read it to its address. */
  get holdsAll(): boolean {
    return this.capacity >= this.address.length
  }

  /** Experts in memory now. */
  get held(): number {
    return countHeld(this.residency)
  }

  /** Address of an expert that the latest `require` named, or of any where there is room for all. */
  at(id: number): number {
    return this.address[id]
  }

  /** Makes the experts `first` + list[0..count) resident together; calls `seekHelp` where several are missing. */
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
    // Those that another thread was reading; if it failed, the error is found and reported here.
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

  /** Takes an expert's place for others, unless it is its own for good. */
  private leave(id: number): void {
    if (this.holdsAll) return
    this.spare.push(this.address[id])
    this.address[id] = 0
  }

  /** A free range, or that of the expert used longest ago, which none of the step at hand can be. */
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
