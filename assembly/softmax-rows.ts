/*
 * Shape, positions and addresses of softmax attention's rows of queries, for all formats of its cache. The arguments are
 * those of softmax-attention.ts.
 */
import { PLACE_BYTES, Place, SoftmaxArg } from '../src/runtime/abi/attention'
import { PAGE_ROWS, PAGE_SHIFT } from '../src/runtime/abi/formats'
import { arg } from './control'
import { HEAD } from './softmax-sums'

/** Bytes of one sum. */
export function sumBytes(): usize {
  return HEAD + (((arg(SoftmaxArg.headSize) + 3) & ~3) << 2)
}

/** Heads of queries that share one of keys and values. */
export function groupSize(): u32 {
  return arg(SoftmaxArg.heads) / arg(SoftmaxArg.keyValueHeads)
}

/** Place of the token of a row of queries. */
export function placeOf(item: usize): usize {
  return arg(SoftmaxArg.places) + (<u32>item / arg(SoftmaxArg.perToken)) * PLACE_BYTES
}

export function positionOf(item: usize): i32 {
  return load<i32>(placeOf(item), Place.position)
}

/** First position that a row of queries sees. */
export function firstOf(item: usize): i32 {
  const window = <i32>arg(SoftmaxArg.window)
  const oldest = load<i32>(placeOf(item), Place.oldest)
  return window == 0 ? oldest : max(oldest, positionOf(item) - window + 1)
}

/** Address of a head's data in the page of a position. */
export function cached(table: usize, position: i32, head: usize): usize {
  return load<u32>(table + ((position >> PAGE_SHIFT) << 2)) + head * PAGE_ROWS * arg(SoftmaxArg.cacheStride)
}

/** Address of the n-th query that reads a head of keys, in the rows from `item` on. */
export function queryOf(item: usize, head: usize, n: u32): usize {
  const group = groupSize()
  const row = arg(SoftmaxArg.q) + (item + n / group) * arg(SoftmaxArg.qStride)
  return row + (((head * group + (n % group)) * arg(SoftmaxArg.headSize)) << 2)
}
