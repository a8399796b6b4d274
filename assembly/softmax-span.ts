/*
 * Sums of softmax attention over one span of keys, from a cache of floats or of bfloat16.
 *
 * The cache is read page by page, a page's rows for all heads and queries that share them. A key that one row of
 * queries sees and another does not gets weight 0 in the latter, which changes no bit of its sums.
 *
 * From BLOCK queries on, a page is widened to floats once for all of them (softmax-blocks.ts). Fewer queries widen it
 * in registers (softmax-tiles.ts): a decode step reads its cache only once.
 */
import { Place, SOFTMAX_SPAN, SOFTMAX_WEIGHT_BYTES, SoftmaxArg } from '../src/kernels/abi/attention'
import { CacheCode, PAGE_ROWS } from '../src/kernels/abi/formats'
import { arg, argf, scratch as scratchOfThread } from './control'
import { storeExpConstants } from './math'
import { addRows, turnPage, widenRows } from './softmax-blocks'
import {
  cached,
  copyQueries,
  firstOf,
  groupSize,
  itemOf,
  placeOf,
  positionOf,
  queryRows,
  sumBytes,
} from './softmax-rows'
import { clear, HEAD, weigh, zero } from './softmax-sums'
import { addFew, sort } from './softmax-tiles'

/** Least queries of a block. */
const BLOCK: u32 = 4

/**
 * Computes the sums of one span for `rows` rows of queries and `heads` heads of keys from `first` on. The rows are
 * `item` and the following ones, or the rows in `list` if it is not 0. At `sums` follow each other, for each head of
 * keys, the sums of all rows, and for each row the sums of the queries that share the head. `scratch` has room for
 * SOFTMAX_WEIGHT_BYTES of weights and queryRows() times as many of numbers of each query, and for a page of floats.
 */
export function sumSpan(
  item: usize,
  list: usize,
  rows: u32,
  first: u32,
  heads: u32,
  span: i32,
  sums: usize,
  scratch: usize,
): void {
  const begin = span * SOFTMAX_SPAN
  const group = groupSize()
  const queries = rows * group
  const bytes = sumBytes()
  const place = placeOf(itemOf(item, list, 0))
  const keys: usize = load<u32>(place, Place.keys)
  const values: usize = load<u32>(place, Place.values)
  const isNarrow = arg(SoftmaxArg.format) == CacheCode.bf16
  // Rows of a list see the whole span.
  const low = max(firstOf(itemOf(item, list, 0)), begin)
  const high = min(positionOf(itemOf(item, list, rows - 1)), begin + SOFTMAX_SPAN - 1)
  const weightBytes = <usize>queries * SOFTMAX_WEIGHT_BYTES
  const copyBytes = queryRows() * weightBytes
  const copies = scratch + heads * weightBytes
  const page = copies + heads * copyBytes
  // Scores, page by page.
  for (let h: u32 = 0; h < heads; h++) copyQueries(copies + h * copyBytes, item, list, rows, first + h)
  for (let at = low & ~(PAGE_ROWS - 1); at <= high; at += PAGE_ROWS) {
    for (let h: u32 = 0; h < heads; h++) {
      const to = scratch + h * weightBytes + ((at - begin) << 2)
      const from = cached(keys, at, first + h)
      if (isNarrow) score<u16>(copies + h * copyBytes, from, queries, to, page)
      else score<f32>(copies + h * copyBytes, from, queries, to, page)
    }
  }
  // Weights: e^score.
  const start = (low - begin) & ~7
  const end = (high - begin + 8) & ~7
  const constants = scratchOfThread()
  storeExpConstants(constants)
  let sum = sums
  let weights = scratch
  for (let h: u32 = 0; h < heads; h++) {
    for (let n: u32 = 0; n < queries; n++, sum += bytes, weights += SOFTMAX_WEIGHT_BYTES) {
      const query = itemOf(item, list, n / group)
      const from = max(firstOf(query), begin) - begin
      const to = min(positionOf(query), begin + SOFTMAX_SPAN - 1) - begin + 1
      clear(sum, bytes)
      weigh(weights, start, from, to, end, argf(SoftmaxArg.scale), sum, constants)
    }
  }
  // Sums of weighted values, page by page.
  for (let at = low; at <= high; at = (at | (PAGE_ROWS - 1)) + 1) {
    const count = min(high, at | (PAGE_ROWS - 1)) - at + 1
    for (let h: u32 = 0; h < heads; h++) {
      const w = scratch + h * weightBytes + ((at - begin) << 2)
      const from = cached(values, at, first + h)
      const to = sums + <usize>(h * queries) * bytes
      if (isNarrow) addValues<u16>(from, at & (PAGE_ROWS - 1), queries, count, w, to, page)
      else addValues<f32>(from, at & (PAGE_ROWS - 1), queries, count, w, to, page)
    }
  }
  if (!isNarrow || queries >= BLOCK || arg(SoftmaxArg.valuesInKeys) != 0) return
  for (let n: u32 = 0; n < heads * queries; n++) sort<u16>(sums + n * bytes + HEAD, arg(SoftmaxArg.valueSize))
}

/** Multiplies queries with all keys of a page of one head. */
function score<T>(q: usize, keys: usize, queries: u32, to: usize, page: usize): void {
  const size = arg(SoftmaxArg.headSize)
  const isWide = arg(SoftmaxArg.isWide) != 0
  const isBlock = queries >= BLOCK
  for (let n: u32 = 0; n < queries; n++) zero(to + n * SOFTMAX_WEIGHT_BYTES, PAGE_ROWS << 2)
  let row = isBlock ? widened<T>(page, keys, PAGE_ROWS * sizeof<T>(), size, PAGE_ROWS) : keys
  const stride: usize = isBlock ? PAGE_ROWS << 2 : PAGE_ROWS * sizeof<T>()
  for (let c: u32 = 0; c < size; c += SOFTMAX_SPAN) {
    const count = min(size - c, SOFTMAX_SPAN)
    if (isBlock) addRows(queries, to, SOFTMAX_WEIGHT_BYTES, q, row, stride, count, PAGE_ROWS, isWide)
    else addFew<T>(queries, to, SOFTMAX_WEIGHT_BYTES, q, row, stride, count, PAGE_ROWS, isWide)
    q += <usize>queries * SOFTMAX_WEIGHT_BYTES
    row += SOFTMAX_SPAN * stride
  }
  if (!isBlock) for (let n: u32 = 0; n < queries; n++) sort<T>(to + n * SOFTMAX_WEIGHT_BYTES, PAGE_ROWS)
}

/** Adds `count` weighted values of a page of one head, from row `first` on, to the sums of queries. */
function addValues<T>(
  values: usize,
  first: usize,
  queries: u32,
  count: u32,
  weights: usize,
  sums: usize,
  page: usize,
): void {
  const stride: usize = arg(SoftmaxArg.cacheStride)
  const size: usize = arg(SoftmaxArg.valueSize)
  const isWide = arg(SoftmaxArg.isWide) != 0
  const o = sums + HEAD
  if (arg(SoftmaxArg.valuesInKeys) != 0) {
    turnPage<T>(page, values, size)
    addRows(queries, o, sumBytes(), weights, page + first * (size << 2), size << 2, count, size, isWide)
    return
  }
  values += first * stride
  if (queries >= BLOCK) {
    const rows = widened<T>(page, values, stride, count, size)
    addRows(queries, o, sumBytes(), weights, rows, size << 2, count, size, isWide)
  } else {
    addFew<T>(queries, o, sumBytes(), weights, values, stride, count, size, isWide)
  }
}

/** Address of rows as floats: of the rows themselves, or of a copy at `page`. */
function widened<T>(page: usize, rows: usize, stride: usize, count: u32, size: usize): usize {
  if (sizeof<T>() == 4) return rows
  widenRows(page, rows, stride, count, size)
  return page
}
