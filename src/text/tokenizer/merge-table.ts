/** The merges of a byte-pair encoding: a hash table from a pair of ids to the rank of its merge. */
export class MergeTable {
  /** Token made by a merge, by rank. */
  readonly merged: Int32Array
  /** Left id, right id and rank, three numbers a slot; a free slot has rank -1. */
  private readonly slots: Int32Array
  private readonly mask: number
  /** Random, so that no file can be made whose pairs all collide. */
  private readonly seed = Math.floor(Math.random() * 2 ** 32)

  constructor(count: number) {
    const size = 2 ** Math.ceil(Math.log2(2 * count + 1))
    this.merged = new Int32Array(count)
    this.slots = new Int32Array(3 * size).fill(-1)
    this.mask = size - 1
  }

  /** Adds a merge. The last rank of a pair wins. */
  set(rank: number, left: number, right: number, merged: number): void {
    const slot = this.find(left, right)
    this.slots[slot] = left
    this.slots[slot + 1] = right
    this.slots[slot + 2] = rank
    this.merged[rank] = merged
  }

  /** The rank of a pair's merge, lower first; -1 if the two do not merge. */
  rankOf(left: number, right: number): number {
    return this.slots[this.find(left, right) + 2]
  }

  /** Index of a pair's slot, or of the free slot it would take. */
  private find(left: number, right: number): number {
    const { slots, mask, seed } = this
    let hash = Math.imul(Math.imul(left, 0x9e3779b1) + right + seed, 0x85ebca6b)
    hash = Math.imul(hash ^ (hash >>> 15), 0xc2b2ae35)
    let slot = (hash ^ (hash >>> 13)) & mask
    while (slots[3 * slot + 2] >= 0 && (slots[3 * slot] !== left || slots[3 * slot + 1] !== right)) {
      slot = (slot + 1) & mask
    }
    return 3 * slot
  }
}
