/** Merges as arrays, which a file can hold. */
export interface MergeArrays {
  /** First index of each left token's merges in `rights` and `ranks`; one more than there are ids. */
  starts: Int32Array
  /** Right tokens, in the order of their ids for each left token. */
  rights: Int32Array
  ranks: Int32Array
  /** Token that a merge makes, by rank. */
  merged: Int32Array
}

/** The merges of a byte-pair encoding, by pairs of ids. A search is quick whatever pairs a file may have. */
export class MergeTable {
  constructor(readonly arrays: MergeArrays) {}

  /** Makes the table of merges in the order of their ranks. `size`: one more than the largest id. */
  static of(lefts: Int32Array, rights: Int32Array, merged: Int32Array, size: number): MergeTable {
    const inOrder = Int32Array.from(lefts, (_, rank) => rank)
    const ranks = sorted(sorted(inOrder, rights, size), lefts, size)
    return new MergeTable({ starts: startsOf(lefts, size), rights: ranks.map((rank) => rights[rank]), ranks, merged })
  }

  /** The rank of a pair's merge, lower first; -1 if the two do not merge. The last rank of a pair wins. */
  rankOf(left: number, right: number): number {
    const { starts, rights, ranks } = this.arrays
    const first = starts[left]
    let after = first
    for (let end = starts[left + 1]; after < end; ) {
      const middle = (after + end) >>> 1
      if (rights[middle] <= right) after = middle + 1
      else end = middle
    }
    return after > first && rights[after - 1] === right ? ranks[after - 1] : -1
  }

  mergedBy(rank: number): number {
    return this.arrays.merged[rank]
  }
}

/** Ranks in the order of their keys; those with equal keys keep their order. */
function sorted(ranks: Int32Array, keys: Int32Array, size: number): Int32Array {
  const next = startsOf(keys, size)
  const result = new Int32Array(ranks.length)
  for (const rank of ranks) result[next[keys[rank]]++] = rank
  return result
}

/** Index of each key's first place in the order of keys, and the number of all. */
function startsOf(keys: Int32Array, size: number): Int32Array {
  const starts = new Int32Array(size + 1)
  for (const key of keys) starts[key + 1]++
  for (let key = 0; key < size; key++) starts[key + 1] += starts[key]
  return starts
}
