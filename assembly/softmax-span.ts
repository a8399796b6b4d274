/*
 * Sums of softmax attention over one span of keys, from a cache of floats or of bfloat16.
 *
 * The cache is read page by page, a page's rows for all heads and queries that share them. A key that one row of queries
 * sees and another does not gets weight 0 in the latter, which changes no bit of its sums.
 */
import { Place, SOFTMAX_SPAN, SOFTMAX_WEIGHT_BYTES, SoftmaxArg } from '../src/runtime/abi/attention'
import { CacheCode, PAGE_ROWS } from '../src/runtime/abi/formats'
import { arg, argf } from './control'
import { cached, firstOf, groupSize, placeOf, positionOf, queryOf, sumBytes } from './softmax-rows'
import { clear, HEAD, weigh, zero } from './softmax-sums'
import { addOne, addTwo, sort } from './softmax-tiles'

/**
 * Computes the sums of one span for `rows` rows of queries and `heads` heads of keys from `first` on. The sums of a
 * head's queries are at `sums`, row by row; those of the next head are `headBytes` further. `weights` is scratch for
 * all weights.
 */
export function sumSpan(
  item: usize,
  rows: u32,
  first: u32,
  heads: u32,
  span: i32,
  sums: usize,
  headBytes: usize,
  weights: usize,
): void {
  const begin = span * SOFTMAX_SPAN
  const low = max(firstOf(item), begin)
  const high = min(positionOf(item + rows - 1), begin + SOFTMAX_SPAN - 1)
  const queries = rows * groupSize()
  const bytes = sumBytes()
  const place = placeOf(item)
  const keys: usize = load<u32>(place, Place.keys)
  const values: usize = load<u32>(place, Place.values)
  const isNarrow = arg(SoftmaxArg.format) == CacheCode.bf16
  for (let at = low & ~(PAGE_ROWS - 1); at <= high; at += PAGE_ROWS) {
    for (let h: u32 = 0; h < heads; h++) {
      const to = weights + <usize>(h * queries) * SOFTMAX_WEIGHT_BYTES + ((at - begin) << 2)
      if (isNarrow) score<u16>(item, keys, first + h, queries, at, to)
      else score<f32>(item, keys, first + h, queries, at, to)
    }
  }
  const start = (low - begin) & ~7
  const end = (high - begin + 8) & ~7
  for (let h: u32 = 0; h < heads; h++) {
    for (let n: u32 = 0; n < queries; n++) {
      const query = item + n / groupSize()
      const from = max(firstOf(query), begin) - begin
      const to = min(positionOf(query), begin + SOFTMAX_SPAN - 1) - begin + 1
      const sum = sums + h * headBytes + n * bytes
      clear(sum, bytes)
      weigh(
        weights + <usize>(h * queries + n) * SOFTMAX_WEIGHT_BYTES,
        start,
        from,
        to,
        end,
        argf(SoftmaxArg.scale),
        sum,
      )
    }
  }
  for (let at = low; at <= high; at = (at | (PAGE_ROWS - 1)) + 1) {
    const count = min(high, at | (PAGE_ROWS - 1)) - at + 1
    for (let h: u32 = 0; h < heads; h++) {
      const from = weights + <usize>(h * queries) * SOFTMAX_WEIGHT_BYTES + ((at - begin) << 2)
      if (isNarrow) addValues<u16>(values, first + h, queries, at, count, from, sums + h * headBytes)
      else addValues<f32>(values, first + h, queries, at, count, from, sums + h * headBytes)
    }
  }
  if (!isNarrow) return
  for (let h: u32 = 0; h < heads; h++) {
    for (let n: u32 = 0; n < queries; n++) {
      sort<u16>(sums + h * headBytes + n * bytes + HEAD, arg(SoftmaxArg.headSize))
    }
  }
}

/** Multiplies the queries of a head with all keys of the page that begins with position `at`. */
function score<T>(item: usize, table: usize, head: usize, queries: u32, at: i32, to: usize): void {
  const keys = cached(table, at, head)
  const stride: usize = PAGE_ROWS * sizeof<T>()
  const size = arg(SoftmaxArg.headSize)
  let n: u32 = 0
  for (; n + 2 <= queries; n += 2, to += 2 * SOFTMAX_WEIGHT_BYTES) {
    const next = to + SOFTMAX_WEIGHT_BYTES
    const q = queryOf(item, head, n)
    const r = queryOf(item, head, n + 1)
    zero(to, PAGE_ROWS << 2)
    zero(next, PAGE_ROWS << 2)
    addTwo<T>(to, next, q, r, keys, stride, size, PAGE_ROWS)
    sort<T>(to, PAGE_ROWS)
    sort<T>(next, PAGE_ROWS)
  }
  if (n == queries) return
  zero(to, PAGE_ROWS << 2)
  addOne<T>(to, queryOf(item, head, n), keys, stride, size, PAGE_ROWS)
  sort<T>(to, PAGE_ROWS)
}

/** Adds `count` weighted values from position `at` on, all in one page, to the sums of the queries of a head. */
function addValues<T>(table: usize, head: usize, queries: u32, at: i32, count: i32, weights: usize, sums: usize): void {
  const stride: usize = arg(SoftmaxArg.cacheStride)
  const values = cached(table, at, head) + (at & (PAGE_ROWS - 1)) * stride
  const size: usize = arg(SoftmaxArg.headSize)
  const bytes = sumBytes()
  let o = sums + HEAD
  let n: u32 = 0
  for (; n + 2 <= queries; n += 2, o += 2 * bytes, weights += 2 * SOFTMAX_WEIGHT_BYTES) {
    addTwo<T>(o, o + bytes, weights, weights + SOFTMAX_WEIGHT_BYTES, values, stride, count, size)
  }
  if (n < queries) addOne<T>(o, weights, values, stride, count, size)
}
