import { sharedBuffer } from '../../ground/platform/threads.js'
import type { Arena } from '../../kernels/memory/arena.js'
import { awaitReading, claim, isHeld, markAbsent, markHeld, noneHeld, vacate, want } from './residency.js'

/** Reads the packed bytes of an expert, by its number, into memory. */
export type ReadExpert = (id: number, target: Uint8Array) => void

/** Passes of the model after which a use counts half. */
const HALF_LIFE = 4

interface PoolCounts {
  /** Experts in memory at a time, at most. */
  capacity: number
  experts: number
  /** Layers that they are in; a pass of the model uses each once. */
  layers: number
}

/**
 * The experts of one kind in a bank: at most `capacity` at a time. Experts are numbered by their owner. A place has
 * room for the largest of them, unless every expert has its own place.
 *
 * The expert used least makes room; uses count half after every four passes, and of equal ones the one used longest ago
 * goes. A pass visits the layers in turn, so recency alone would evict the experts of the layers that come next: all of
 * them, if a pass uses more experts than there is room for. Prompts use most experts of every layer in each pass. Such
 * uses are not counted, and of equal experts the one used last goes, so that some layers' experts stay for the next
 * pass. bench/LAB.md compares policies.
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
  /** Uses of each expert, aged. */
  private readonly uses: Float64Array
  private now = 0
  /** Uses by layers so far, each by a whole micro-batch. */
  private steps = 0
  /** Whether the latest use was of most experts of a layer. */
  private isOfMost = false
  /** Whether the latest uses have been counted by `request`. */
  private isCounted = false
  /** Addresses of experts that could not be read. */
  private readonly spare: number[] = []
  private used = 0
  /** Bytes read for uses of missing experts, by whichever thread. */
  bytesRead = 0
  private readonly placeBytes: number

  constructor(
    /** A replay of traces has addresses alone. */
    private readonly bank: { arena: Pick<Arena, 'allocate'>; u8: Uint8Array },
    private readonly sizes: readonly number[],
    private readonly counts: PoolCounts,
    private readonly read: ReadExpert,
  ) {
    const { experts } = counts
    this.residency = noneHeld(experts)
    this.address = new Uint32Array(sharedBuffer(experts * 4))
    this.lastUse = new Float64Array(experts)
    this.uses = new Float64Array(experts)
    this.placeBytes = sizes.reduce((largest, size) => Math.max(largest, size), 0)
    if (this.holdsAll) for (let id = 0; id < experts; id++) this.address[id] = bank.arena.allocate(sizes[id])
  }

  /** Whether there is room for all experts. Any thread that claims one may then read it to its address. */
  get holdsAll(): boolean {
    return this.counts.capacity >= this.address.length
  }

  get heldBytes(): number {
    return this.sizes.reduce((sum, size, id) => sum + (isHeld(this.residency, id) ? size : 0), 0)
  }

  /** Address of an expert of the latest `require`, or of any expert if there is room for all. */
  at(id: number): number {
    return this.address[id]
  }

  /** Gives experts places, and asks another thread for missing ones. `require` must follow, unless the batch fails. */
  request(first: number, list: Int32Array, count: number, seekHelp: () => void): void {
    // A batch that failed may have left it set.
    this.isCounted = false
    const missing = this.count(first, list, count)
    this.isCounted = true
    if (missing === 0) return
    this.wantMissing(first, list, count)
    seekHelp()
  }

  /** Gives missing experts places, so that any thread may read them. */
  private wantMissing(first: number, list: Int32Array, count: number): void {
    for (let i = 0; i < count; i++) {
      const id = first + list[i]
      if (isHeld(this.residency, id)) continue
      this.placeFor(id)
      want(this.residency, id)
    }
  }

  /** Makes the experts `first` + list[0..count) resident together; calls `seekHelp` if several are missing. */
  require(first: number, list: Int32Array, count: number, seekHelp: () => void): void {
    const missing = this.count(first, list, count)
    this.isCounted = false
    if (missing === 0) return
    if (missing > 1) {
      this.wantMissing(first, list, count)
      seekHelp()
    }
    for (let i = 0; i < count; i++) if (claim(this.residency, first + list[i])) this.load(first + list[i])
    // Waits for experts that another thread was reading; if it failed, reading them here reports the error.
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
      if (isHeld(this.residency, id)) continue
      missing++
      if (!this.isCounted) this.bytesRead += this.sizes[id]
    }
    if (this.isCounted) return missing
    this.hits += count - missing
    this.misses += missing
    if (!this.holdsAll) this.age(first, list, count)
    return missing
  }

  private age(first: number, list: Int32Array, count: number): void {
    const { uses, counts } = this
    if (this.steps++ % (HALF_LIFE * counts.layers) === 0) for (let id = 0; id < uses.length; id++) uses[id] /= 2
    // Layers have about as many experts each.
    this.isOfMost = 2 * count * counts.layers > counts.experts
    if (!this.isOfMost) for (let i = 0; i < count; i++) uses[first + list[i]]++
  }

  place(id: number, bytes: Uint8Array): void {
    this.bank.u8.set(bytes, this.placeFor(id))
    markHeld(this.residency, id)
  }

  private load(id: number): void {
    const address = this.placeFor(id)
    try {
      this.read(id, this.bank.u8.subarray(address, address + this.sizes[id]))
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

  /** Finds a free range, or takes the range of the expert used least, which the current step does not use. */
  private makeRoom(): number {
    const spare = this.spare.pop()
    if (spare !== undefined) return spare
    if (this.used < this.counts.capacity) {
      this.used++
      return this.bank.arena.allocate(this.placeBytes)
    }
    for (;;) {
      const least = this.leastUsed()
      if (vacate(this.residency, least)) return this.takePlaceOf(least)
      // Another thread is reading it, for a batch that has failed since.
      awaitReading(this.residency, least)
    }
  }

  private leastUsed(): number {
    const { address, uses, lastUse, now, isOfMost } = this
    let least = -1
    for (let id = 0; id < address.length; id++) {
      if (address[id] === 0 || lastUse[id] === now) continue
      const later = least < 0 ? -1 : lastUse[id] - lastUse[least]
      const difference = least < 0 ? -1 : uses[id] - uses[least] || (isOfMost ? -later : later)
      if (difference < 0 || (isOfMost && difference === 0)) least = id
    }
    return least
  }

  private takePlaceOf(id: number): number {
    const address = this.address[id]
    this.address[id] = 0
    return address
  }
}
