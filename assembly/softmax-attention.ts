/*
 * Softmax attention over the KV cache with grouped queries.
 *
 * For a query at position i, over the keys j <= i (with a window W also j > i - W):
 *     s_j = scale * (q . k_j)      o = sum of e^(s_j - m) v_j / sum of e^(s_j - m)      m = max s_j
 * Query head h reads key/value head h / (heads / keyValueHeads).
 *
 * Keys are taken in spans of 256 by absolute position. Each span is summed on its own, from its own largest score; spans
 * are put together in rising order. So a query's result depends on nothing but its position: not on the batch, the split
 * of the prompt, or who computed which span. Spans are the unit in which few queries over a long cache are shared out:
 *     whole:   a unit is a few rows of queries and a part of their heads, over all spans
 *     partial: a unit is one span of one row and a part of its heads; its sums go to memory
 *     merge:   a unit puts the spans of a row and part together
 *
 * Within a unit the cache is read page by page, a page's rows for all heads and queries that share them. Keys that one of
 * the rows of queries sees and another does not get weight 0 there, which changes no bit of its sums.
 *
 * A page of the cache has what it holds of PAGE_ROWS positions head by head: of keys, each channel of all positions in turn;
 * of values, each position's channels. So both products are sums of weighted rows (softmax-tiles.ts), and what is read
 * together lies together.
 *
 * Arguments: SoftmaxArg (src/runtime/abi/attention.ts). Bit-identical in all tiers.
 */
import { SOFTMAX_SPAN, SOFTMAX_WEIGHT_BYTES, SoftmaxArg, SoftmaxPhase } from '../src/runtime/abi/attention'
import { CacheCode, PAGE_ROWS, PAGE_SHIFT } from '../src/runtime/abi/formats'
import { arg, argf, thread } from './control'
import { quantizeBlocks } from './quantize'
import { add, clear, HEAD, weigh, zero } from './softmax-sums'
import { addOne, addTwo, sort } from './softmax-tiles'

/** Bytes of one sum. */
function sumBytes(): usize {
  return HEAD + (((arg(SoftmaxArg.headSize) + 3) & ~3) << 2)
}

/** Heads of queries that share one of keys and values. */
function groupSize(): u32 {
  return arg(SoftmaxArg.heads) / arg(SoftmaxArg.keyValueHeads)
}

export function softmaxAttention(chunk: u32): void {
  const from = chunk * arg(SoftmaxArg.chunkUnits)
  const to = min(from + arg(SoftmaxArg.chunkUnits), arg(SoftmaxArg.units))
  const phase = arg(SoftmaxArg.phase)
  const parts = arg(SoftmaxArg.parts)
  const spans = arg(SoftmaxArg.spans)
  for (let unit = from; unit < to; unit++) {
    if (phase == SoftmaxPhase.partial) partial(unit / parts / spans, unit % parts, (unit / parts) % spans)
    else if (phase == SoftmaxPhase.merge) merge(unit / parts, unit % parts)
    else whole((unit / parts) * arg(SoftmaxArg.unitRows), unit % parts)
  }
}

function positionOf(item: usize): i32 {
  return <i32>(arg(SoftmaxArg.position) + <u32>item / arg(SoftmaxArg.perToken))
}

/** First position that a row of queries sees. */
function firstOf(item: usize): i32 {
  const window = <i32>arg(SoftmaxArg.window)
  const oldest = <i32>arg(SoftmaxArg.oldest)
  return window == 0 ? oldest : max(oldest, positionOf(item) - window + 1)
}

/** All spans of some rows of queries from `item` on, for the heads of a part. */
function whole(item: usize, part: u32): void {
  const rows = min(arg(SoftmaxArg.unitRows), arg(SoftmaxArg.items) - <u32>item)
  const heads = arg(SoftmaxArg.keyValueHeads) / arg(SoftmaxArg.parts)
  const group: usize = groupSize()
  const bytes = sumBytes()
  const count = heads * rows * group
  const sums: usize = arg(SoftmaxArg.scratch) + thread * arg(SoftmaxArg.scratchBytes)
  const more = sums + count * bytes
  for (let n: usize = 0; n < count; n++) clear(sums + n * bytes, bytes)
  const last = positionOf(item + rows - 1) / SOFTMAX_SPAN
  for (let span = firstOf(item) / SOFTMAX_SPAN; span <= last; span++) {
    sumSpan(item, rows, part * heads, heads, span, more, rows * group * bytes, more + count * bytes)
    for (let n: usize = 0; n < count; n++) add(sums + n * bytes, more + n * bytes, bytes)
  }
  let sum = sums
  for (let head: usize = part * heads; head < (part + 1) * heads; head++) {
    for (let r: usize = 0; r < rows; r++) {
      for (let g: usize = 0; g < group; g++, sum += bytes) finish(item + r, head * group + g, sum)
    }
  }
  for (let r: usize = 0; r < rows; r++) close(item + r, part)
}

/** One span of one row of queries; nothing where it does not reach that far. */
function partial(item: usize, part: u32, span: u32): void {
  const at = firstOf(item) / SOFTMAX_SPAN + span
  if (at > positionOf(item) / SOFTMAX_SPAN) return
  const heads = arg(SoftmaxArg.keyValueHeads) / arg(SoftmaxArg.parts)
  const weights: usize = arg(SoftmaxArg.scratch) + thread * arg(SoftmaxArg.scratchBytes)
  const headBytes = arg(SoftmaxArg.spans) * groupSize() * sumBytes()
  sumSpan(item, 1, part * heads, heads, at, partialOf(item, part * heads, span), headBytes, weights)
}

/** Puts the spans of a row of queries together. */
function merge(item: usize, part: u32): void {
  const spans = positionOf(item) / SOFTMAX_SPAN - firstOf(item) / SOFTMAX_SPAN + 1
  const heads = arg(SoftmaxArg.keyValueHeads) / arg(SoftmaxArg.parts)
  const group: usize = groupSize()
  const bytes = sumBytes()
  for (let head = part * heads; head < (part + 1) * heads; head++) {
    for (let g: usize = 0; g < group; g++) {
      const sum = partialOf(item, head, 0) + g * bytes
      for (let span = 1; span < spans; span++) add(sum, partialOf(item, head, span) + g * bytes, bytes)
      finish(item, head * group + g, sum)
    }
  }
  close(item, part)
}

/** Where the sums of a span go: those of the query heads of a group side by side. */
function partialOf(item: usize, head: usize, span: u32): usize {
  const index = (item * arg(SoftmaxArg.keyValueHeads) + head) * arg(SoftmaxArg.spans) + span
  return arg(SoftmaxArg.partials) + index * groupSize() * sumBytes()
}

/**
 * Sums of one span for `rows` rows of queries and `heads` heads of keys from `first` on: those of a head's queries, row
 * by row, side by side at `sums`, those of the next head `headBytes` further. `weights` is room for the weights of all.
 */
function sumSpan(
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
  const isNarrow = arg(SoftmaxArg.format) == CacheCode.bf16
  for (let at = low & ~(PAGE_ROWS - 1); at <= high; at += PAGE_ROWS) {
    for (let h: u32 = 0; h < heads; h++) {
      const to = weights + <usize>(h * queries) * SOFTMAX_WEIGHT_BYTES + ((at - begin) << 2)
      if (isNarrow) score<u16>(item, first + h, queries, at, to)
      else score<f32>(item, first + h, queries, at, to)
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
      if (isNarrow) addValues<u16>(first + h, queries, at, count, from, sums + h * headBytes)
      else addValues<f32>(first + h, queries, at, count, from, sums + h * headBytes)
    }
  }
  if (!isNarrow) return
  for (let h: u32 = 0; h < heads; h++) {
    for (let n: u32 = 0; n < queries; n++) {
      sort<u16>(sums + h * headBytes + n * bytes + HEAD, arg(SoftmaxArg.headSize))
    }
  }
}

/** Address of what the page of a position has of a head. */
function cached(table: usize, position: i32, head: usize): usize {
  return load<u32>(table + ((position >> PAGE_SHIFT) << 2)) + head * PAGE_ROWS * arg(SoftmaxArg.cacheStride)
}

/** Address of query n of those that read a head of keys, in the rows from `item` on. */
function queryOf(item: usize, head: usize, n: u32): usize {
  const group = groupSize()
  const row = arg(SoftmaxArg.q) + (item + n / group) * arg(SoftmaxArg.qStride)
  return row + (((head * group + (n % group)) * arg(SoftmaxArg.headSize)) << 2)
}

/** Products of the queries of a head with all keys of the page that begins with position `at`. */
function score<T>(item: usize, head: usize, queries: u32, at: i32, to: usize): void {
  const keys = cached(arg(SoftmaxArg.keys), at, head)
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

/** Adds `count` weighted values from position `at` on, which lie in one page, to the sums of the queries of a head. */
function addValues<T>(head: usize, queries: u32, at: i32, count: i32, weights: usize, sums: usize): void {
  const stride: usize = arg(SoftmaxArg.cacheStride)
  const values = cached(arg(SoftmaxArg.values), at, head) + (at & (PAGE_ROWS - 1)) * stride
  const size: usize = arg(SoftmaxArg.headSize)
  const bytes = sumBytes()
  let o = sums + HEAD
  let n: u32 = 0
  for (; n + 2 <= queries; n += 2, o += 2 * bytes, weights += 2 * SOFTMAX_WEIGHT_BYTES) {
    addTwo<T>(o, o + bytes, weights, weights + SOFTMAX_WEIGHT_BYTES, values, stride, count, size)
  }
  if (n < queries) addOne<T>(o, weights, values, stride, count, size)
}

/** Writes the output of one query head. */
function finish(item: usize, head: usize, sum: usize): void {
  const size: usize = arg(SoftmaxArg.headSize)
  const o: usize = arg(SoftmaxArg.output) + item * arg(SoftmaxArg.outputStride) + ((head * size) << 2)
  const inverse = <f32>1.0 / load<f32>(sum, 4)
  for (let i: usize = 0; i < size << 2; i += 4) store<f32>(o + i, load<f32>(sum + HEAD + i) * inverse)
}

/** Pads and quantises the channels of a part of an output row. */
function close(item: usize, part: usize): void {
  const parts: usize = arg(SoftmaxArg.parts)
  const o: usize = arg(SoftmaxArg.output) + item * arg(SoftmaxArg.outputStride)
  const columns: usize = arg(SoftmaxArg.heads) * arg(SoftmaxArg.headSize)
  const padded = (columns + 31) & ~31
  const share = columns / parts
  const end = part == parts - 1 ? padded : (part + 1) * share
  for (let i = columns; i < end; i++) store<f32>(o + (i << 2), 0)
  if (arg(SoftmaxArg.records) == 0) return
  const record = arg(SoftmaxArg.records) + item * arg(SoftmaxArg.recordStride)
  quantizeBlocks(o, record, padded, (part * share) >> 5, end >> 5)
}
