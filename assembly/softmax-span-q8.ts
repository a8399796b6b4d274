/*
 * Sums of softmax attention over one span of keys, from the q8 cache (cache-q8.ts). Both products are sums of integers
 * (softmax-tiles-q8.ts), which are exact in any order: a query is a row of levels of 16 bits (levels.ts), and so are the
 * weights of a span, each times the scale of its value. With at most MOST_Q8_CHANNELS channels no sum exceeds 31 bits.
 *
 *     product of query and key = levels . levels * scale of the query * scale of the key
 *     sum of weighted values   = levels . levels * scale of the span's weights
 *
 * The cache is read page by page, a page's rows for all heads and queries that share them. Positions that a query does
 * not see get weight 0. Bit-identical in all tiers.
 */
import { Place, SOFTMAX_SPAN, SOFTMAX_WEIGHT_BYTES, SoftmaxArg } from '../src/kernels/abi/attention'
import { PAGE_ROWS } from '../src/kernels/abi/formats'
import { arg, argf, scratch as scratchOfThread } from './control'
import { levels16, MOST_LEVEL } from './levels'
import { storeExpConstants } from './math'
import { cached, firstOf, groupSize, itemOf, placeOf, positionOf, sumBytes } from './softmax-rows'
import { clear, HEAD, weigh, zero } from './softmax-sums'
import { addPairs } from './softmax-tiles-q8'

/** Bytes of the scales of a head, which precede its levels in a page. */
const SCALES: usize = PAGE_ROWS << 2

/** Bytes of the scores of a page. */
const PAGE_BYTES: usize = PAGE_ROWS << 2

/** Place of a row's scale: after the weights of a span, or the levels of MOST_Q8_CHANNELS channels. */
const SCALE: usize = SOFTMAX_SPAN << 2

/**
 * Does what sumSpan of softmax-span.ts does. `scratch` has room for two rows of SOFTMAX_WEIGHT_BYTES for each query and
 * head: its weights, and its levels.
 */
export function sumSpanQ8(
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
  // Rows of a list see the whole span.
  const low = max(firstOf(itemOf(item, list, 0)), begin)
  const high = min(positionOf(itemOf(item, list, rows - 1)), begin + SOFTMAX_SPAN - 1)
  const group = groupSize()
  const queries = rows * group
  const headBytes = queries * sumBytes()
  const rowsBytes = <usize>queries * SOFTMAX_WEIGHT_BYTES
  const levels = scratch + heads * rowsBytes
  const constants = scratchOfThread()
  storeExpConstants(constants)
  const place = placeOf(itemOf(item, list, 0))
  const keys: usize = load<u32>(place, Place.keys)
  const values: usize = load<u32>(place, Place.values)
  // Levels of the queries.
  for (let h: u32 = 0; h < heads; h++) {
    for (let n: u32 = 0; n < queries; n++) {
      const to = levels + h * rowsBytes + n * SOFTMAX_WEIGHT_BYTES
      const query = queryOf(itemOf(item, list, n / group), (first + h) * group + (n % group))
      store<f32>(to, levels16(query, arg(SoftmaxArg.headSize), to, MOST_LEVEL), SCALE)
    }
  }
  // Scores, page by page.
  for (let at = low & ~(PAGE_ROWS - 1); at <= high; at += PAGE_ROWS) {
    for (let h: u32 = 0; h < heads; h++) {
      const to = scratch + h * rowsBytes + ((at - begin) << 2)
      score(cached(keys, at, first + h), levels + h * rowsBytes, queries, to)
    }
  }
  // Weights of whole pairs of positions: levels of e^score, times the scales of the values.
  const start = (low - begin) & ~7
  const end = (high - begin + 8) & ~7
  for (let h: u32 = 0; h < heads; h++) {
    for (let n: u32 = 0; n < queries; n++) {
      const query = itemOf(item, list, n / group)
      const from = max(firstOf(query), begin) - begin
      const to = min(positionOf(query), begin + SOFTMAX_SPAN - 1) - begin + 1
      const weights = scratch + h * rowsBytes + n * SOFTMAX_WEIGHT_BYTES
      const sum = sums + h * headBytes + n * sumBytes()
      clear(sum, sumBytes())
      weigh(weights, start, from, to, end, argf(SoftmaxArg.scale), sum, constants)
      for (let at = start; at < end; at = (at | (PAGE_ROWS - 1)) + 1) {
        scaleWeights(weights, at, min(end, (at | (PAGE_ROWS - 1)) + 1), cached(values, begin + at, first + h))
      }
      store<f32>(weights, levels16(weights + (start << 2), end - start, weights + (start << 1), MOST_LEVEL), SCALE)
    }
  }
  // Sums of weighted values, page by page.
  for (let at = start; at < end; at = (at | (PAGE_ROWS - 1)) + 1) {
    const pairs = (min(end, (at | (PAGE_ROWS - 1)) + 1) - at) >> 1
    for (let h: u32 = 0; h < heads; h++) {
      const from = scratch + h * rowsBytes + (at << 1)
      addValues(cached(values, begin + at, first + h), at & (PAGE_ROWS - 1), pairs, from, queries, sums + h * headBytes)
    }
  }
  for (let h: u32 = 0; h < heads; h++) {
    for (let n: u32 = 0; n < queries; n++) {
      const weights = scratch + h * rowsBytes + n * SOFTMAX_WEIGHT_BYTES
      toFloats(sums + h * headBytes + n * sumBytes(), load<f32>(weights, SCALE))
    }
  }
}

/** Address of the query of a head of queries in a row. */
function queryOf(item: usize, head: usize): usize {
  return arg(SoftmaxArg.q) + item * arg(SoftmaxArg.qStride) + ((head * arg(SoftmaxArg.headSize)) << 2)
}

/** Multiplies the queries of a head with all keys of a page. */
function score(page: usize, levels: usize, queries: u32, to: usize): void {
  for (let n: u32 = 0; n < queries; n++) zero(to + n * SOFTMAX_WEIGHT_BYTES, PAGE_BYTES)
  const pairs = (arg(SoftmaxArg.headSize) + 1) >> 1
  addPairs(to, SOFTMAX_WEIGHT_BYTES, levels, queries, page + SCALES, 2 * PAGE_ROWS, pairs, PAGE_ROWS)
  for (let n: u32 = 0; n < queries; n++, to += SOFTMAX_WEIGHT_BYTES, levels += SOFTMAX_WEIGHT_BYTES) {
    const scale = load<f32>(levels, SCALE)
    if (ASC_FEATURE_SIMD) {
      const s = f32x4.splat(scale)
      for (let i: usize = 0; i < PAGE_BYTES; i += 16) {
        const product = f32x4.mul(f32x4.convert_i32x4_s(v128.load(to + i)), s)
        v128.store(to + i, f32x4.mul(product, v128.load(page + i)))
      }
    } else {
      for (let i: usize = 0; i < PAGE_BYTES; i += 4) {
        store<f32>(to + i, <f32>load<i32>(to + i) * scale * load<f32>(page + i))
      }
    }
  }
}

/**
 * Multiplies the weights of positions [from, to) of a span, all in one page, with the scales of their values. A weight of
 * 0 stays 0, since the page may have no value there. Both are multiples of 8.
 */
function scaleWeights(weights: usize, from: i32, to: i32, page: usize): void {
  const scales = page + ((from & (PAGE_ROWS - 1)) << 2)
  const w = weights + (from << 2)
  const bytes: usize = (to - from) << 2
  if (ASC_FEATURE_SIMD) {
    for (let i: usize = 0; i < bytes; i += 16) {
      const x = v128.load(w + i)
      v128.store(w + i, v128.and(f32x4.mul(x, v128.load(scales + i)), f32x4.gt(x, f32x4.splat(0))))
    }
  } else {
    for (let i: usize = 0; i < bytes; i += 4) {
      const x = load<f32>(w + i)
      store<f32>(w + i, x > 0 ? x * load<f32>(scales + i) : 0)
    }
  }
}

/** Adds `pairs` weighted pairs of values, from row `row` of a page on, to the sums of the queries of a head. */
function addValues(page: usize, row: usize, pairs: u32, weights: usize, queries: u32, sums: usize): void {
  const size: usize = (arg(SoftmaxArg.headSize) + 3) & ~3
  const values = page + SCALES + row * size
  addPairs(sums + HEAD, sumBytes(), weights, queries, values, 2 * size, pairs, size)
}

/** Turns the integers of a sum into floats. */
function toFloats(sum: usize, scale: f32): void {
  const end = sum + sumBytes()
  let p = sum + HEAD
  if (ASC_FEATURE_SIMD) {
    const s = f32x4.splat(scale)
    for (; p < end; p += 16) v128.store(p, f32x4.mul(f32x4.convert_i32x4_s(v128.load(p)), s))
  }
  for (; p < end; p += 4) store<f32>(p, <f32>load<i32>(p) * scale)
}
