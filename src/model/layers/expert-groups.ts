import { allocateGroups, allocateList, listFrom, writeGroup, writeListEntry } from '../../kernels/calls/groups.js'
import type { Bank } from '../../kernels/memory/bank.js'

/** Returns the address of an expert's weights; 0, which is no valid address, skips the expert. */
export type AddressOf = (expert: number) => number

/**
 * Routing of a batch, sorted by expert: the (token, slot) items that each expert serves. An item's number is token *
 * slots + slot, the row of its query, output and hidden activations.
 *
 * It writes two tables for the grouped products: from token rows to item rows (an expert's first matrix), and from item
 * rows to item rows (its second).
 */
export class ExpertGroups {
  /** Address of the table for the products. */
  readonly table: number
  private readonly tokenLists: number
  private readonly itemLists: number
  private readonly first: Int32Array
  /** Experts that serve at least one item, in rising order: entries 0 to `count`. */
  readonly chosenExperts: Int32Array
  count = 0
  /** Number of items. */
  work = 0

  constructor(
    private readonly bank: Bank,
    maxExperts: number,
    maxItems: number,
    extraGroups = 0,
  ) {
    this.table = allocateGroups(bank, maxExperts + extraGroups)
    this.tokenLists = allocateList(bank, maxItems)
    this.itemLists = allocateList(bank, maxItems)
    this.first = new Int32Array(maxExperts + 1)
    this.chosenExperts = new Int32Array(maxExperts)
  }

  /** Sorts the items of `ids` (k per token) by expert, keeping the order of tokens within one. */
  assign(ids: Int32Array, tokens: number, k: number, slots: number, experts: number): void {
    const { bank, first, tokenLists, itemLists } = this
    const items = tokens * k
    first.fill(0, 0, experts + 1)
    for (let i = 0; i < items; i++) first[ids[i] + 1]++
    this.count = 0
    for (let e = 0; e < experts; e++) {
      if (first[e + 1] > 0) this.chosenExperts[this.count++] = e
      first[e + 1] += first[e]
    }
    for (let i = 0; i < items; i++) {
      const place = first[ids[i]]++
      const token = (i / k) | 0
      const item = token * slots + (i % k)
      writeListEntry(bank, tokenLists, place, token, item)
      writeListEntry(bank, itemLists, place, item, item)
    }
    this.work = items
  }

  /** Adds the number of items that each expert serves to `counts`. */
  addTo(counts: Float64Array): void {
    let start = 0
    for (let i = 0; i < this.count; i++) {
      const expert = this.chosenExperts[i]
      const end = this.first[expert]
      counts[expert] += end - start
      start = end
    }
  }

  /**
   * Writes the table for an expert's first matrix: token rows in, item rows out. `biases` are the addresses of what is
   * added to the products; default: nothing. Returns the number of groups.
   */
  fromTokens(weights: AddressOf, biases?: AddressOf): number {
    return this.write(this.tokenLists, weights, biases)
  }

  /** Writes the table for an expert's second matrix: item rows in, item rows out. */
  fromItems(weights: AddressOf, biases?: AddressOf): number {
    return this.write(this.itemLists, weights, biases)
  }

  /** Adds a group of another matrix, with its own list of `count` entries at `list`. */
  append(group: number, weights: number, bias: number, list: number, count: number): void {
    writeGroup(this.bank, this.table, group, weights, bias, list, count)
  }

  private write(lists: number, weights: AddressOf, biases?: AddressOf): number {
    let start = 0
    let groups = 0
    for (let i = 0; i < this.count; i++) {
      const expert = this.chosenExperts[i]
      // After sorting, first[e] is the end of expert e's items.
      const end = this.first[expert]
      const address = weights(expert)
      if (address !== 0) {
        const bias = biases?.(expert) ?? 0
        writeGroup(this.bank, this.table, groups++, address, bias, listFrom(lists, start), end - start)
      }
      start = end
    }
    return groups
  }
}

/** Address of a list that maps each of `count` rows to row `offset` + its own number. */
export function identityList(bank: Bank, count: number, offset = 0): number {
  const list = allocateList(bank, count)
  for (let i = 0; i < count; i++) writeListEntry(bank, list, i, i, offset + i)
  return list
}
