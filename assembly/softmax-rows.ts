/*
 * Shape, positions and addresses of softmax attention's rows of queries, for all formats of its cache. The arguments
 * are as in softmax-attention.ts.
 */
import {
  PLACE_BYTES,
  Place,
  SOFTMAX_ENTRY_BYTES,
  SOFTMAX_SPAN,
  SOFTMAX_WEIGHT_BYTES,
  SoftmaxArg,
} from '../src/kernels/abi/attention'
import { PAGE_ROWS, PAGE_SHIFT } from '../src/kernels/abi/formats'
import { arg } from './control'
import { copyRow } from './copy'
import { HEAD } from './softmax-sums'

/** Bytes of one sum. */
export function sumBytes(): usize {
  return HEAD + (((arg(SoftmaxArg.valueSize) + 3) & ~3) << 2)
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

/** A row of queries: number r from `item` on, or of a list. */
export function itemOf(item: usize, list: usize, r: u32): usize {
  return list == 0 ? item + r : load<u32>(list + r * SOFTMAX_ENTRY_BYTES)
}

/** Rows that the copy of a query takes, each of at most SOFTMAX_SPAN channels. */
export function queryRows(): usize {
  return (arg(SoftmaxArg.headSize) + SOFTMAX_SPAN - 1) / SOFTMAX_SPAN
}

/**
 * Copies the queries that read a head of keys to rows that are SOFTMAX_WEIGHT_BYTES apart: the first SOFTMAX_SPAN
 * channels of all of them, then the next.
 */
export function copyQueries(to: usize, item: usize, list: usize, rows: u32, head: usize): void {
  const group = groupSize()
  const size: usize = arg(SoftmaxArg.headSize)
  for (let c: usize = 0; c < size; c += SOFTMAX_SPAN) {
    const bytes = min(size - c, SOFTMAX_SPAN) << 2
    for (let r: u32 = 0; r < rows; r++) {
      let from = arg(SoftmaxArg.q) + itemOf(item, list, r) * arg(SoftmaxArg.qStride) + ((head * group * size + c) << 2)
      for (let g: u32 = 0; g < group; g++, from += size << 2, to += SOFTMAX_WEIGHT_BYTES) copyRow(to, from, bytes)
    }
  }
}
