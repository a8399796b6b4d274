import { GROUP_BYTES, Group, LIST_ENTRY_BYTES, ListEntry } from '../abi/products.js'
import type { Bank } from '../memory/bank.js'

/* Tables of grouped products: the matrices that a product reads, and for each the rows that it is multiplied with. */

/** Allocates a table of `groups` groups; returns its address. */
export function allocateGroups(bank: Bank, groups: number): number {
  return bank.arena.allocate(groups * GROUP_BYTES)
}

/**
 * Writes a group of a table: a matrix at address `weights`, a bias of floats at `bias` (0 if there is none), and the
 * list of `count` entries at `list`.
 */
export function writeGroup(
  bank: Bank,
  table: number,
  group: number,
  weights: number,
  bias: number,
  list: number,
  count: number,
): void {
  const words = bank.u32
  const at = table + group * GROUP_BYTES
  words[(at + Group.weights) / 4] = weights
  words[(at + Group.bias) / 4] = bias
  words[(at + Group.list) / 4] = list
  words[(at + Group.count) / 4] = count
}

export function readGroup(bank: Bank, table: number, group: number): { weights: number; list: number; count: number } {
  const words = bank.u32
  const at = table + group * GROUP_BYTES
  return {
    weights: words[(at + Group.weights) / 4],
    list: words[(at + Group.list) / 4],
    count: words[(at + Group.count) / 4],
  }
}

/** Allocates a list of `count` entries, each an activation row and its output row; returns its address. */
export function allocateList(bank: Bank, count: number): number {
  return bank.arena.allocate(count * LIST_ENTRY_BYTES)
}

/** Address of entry `entry` of a list, which is also the address of the list of all entries from there on. */
export function listFrom(list: number, entry: number): number {
  return list + entry * LIST_ENTRY_BYTES
}

/** Number of the activation row of an entry of a list. */
export function inputRow(bank: Bank, list: number, entry: number): number {
  return bank.u32[(listFrom(list, entry) + ListEntry.input) / 4]
}

/** Writes an entry of a list: activation row `input` gives output row `output`. */
export function writeListEntry(bank: Bank, list: number, entry: number, input: number, output: number): void {
  const words = bank.u32
  const at = listFrom(list, entry)
  words[(at + ListEntry.input) / 4] = input
  words[(at + ListEntry.output) / 4] = output
}
