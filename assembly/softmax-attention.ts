/*
 * Softmax attention over the KV cache with grouped queries.
 *
 * For a query at position i, over the keys j <= i (with a window W also j > i - W):
 *     s_j = scale * (q . k_j)      o = sum of e^(s_j - m) v_j / sum of e^(s_j - m)      m = max s_j
 * Query head h reads key/value head h / (heads / keyValueHeads). With sinks, a head has one more score, which is not
 * scaled and has no value: it takes part in m and in the denominator. The head's sum then begins with it.
 *
 * Keys are divided into spans of 256 by absolute position. Each span is summed separately, from its own largest score;
 * spans are combined in ascending order. So a query's result depends only on its position: not on the batch, the split
 * of the prompt, or the threads. The host makes a table of units (src/kernels/calls/softmax-units.ts):
 *     whole:   some rows of queries and some of their heads, over all spans
 *     partial: one span of some rows and some of their heads; the sums are stored in memory
 *     merge:   combines the spans of a row, for some of its heads
 * The tokens of a micro-batch may belong to several sequences: each token has a place, which gives its position and its
 * cache. The rows of a whole unit belong to one sequence. Those of a partial unit with several rows see the whole span, in
 * pages that their sequences share.
 *
 * A page of the cache holds PAGE_ROWS positions head by head: of keys, each channel of all positions in turn; of
 * values, each position's channels. So both products are sums of weighted rows (softmax-tiles.ts), and numbers that are
 * read together are neighbours. If values are the first channels of their keys, a page of these is turned into values
 * when it is read, once for all queries of a unit.
 *
 * Arguments: SoftmaxArg (src/kernels/abi/attention.ts). Bit-identical in all tiers.
 */
import {
  SOFTMAX_ENTRY_BYTES,
  SOFTMAX_ENTRY_SUMS,
  SOFTMAX_SPAN,
  SOFTMAX_UNIT_BYTES,
  SoftmaxArg,
  SoftmaxTask,
  SoftmaxUnit,
} from '../src/kernels/abi/attention'
import { CacheCode } from '../src/kernels/abi/formats'
import { arg, thread } from './control'
import { copyRows } from './copy'
import { quantizeBlocks } from './quantize'
import { firstOf, groupSize, positionOf, sumBytes } from './softmax-rows'
import { sumSpan } from './softmax-span'
import { sumSpanQ8 } from './softmax-span-q8'
import { add, clear, HEAD } from './softmax-sums'

export function softmaxAttention(chunk: u32): void {
  const from = chunk * arg(SoftmaxArg.chunkUnits)
  const to = min(from + arg(SoftmaxArg.chunkUnits), arg(SoftmaxArg.count))
  for (let i = from; i < to; i++) {
    const unit: usize = arg(SoftmaxArg.units) + i * SOFTMAX_UNIT_BYTES
    const task = load<u32>(unit, SoftmaxUnit.task)
    const item: usize = load<u32>(unit, SoftmaxUnit.item)
    const head: usize = load<u32>(unit, SoftmaxUnit.head)
    const heads: usize = load<u32>(unit, SoftmaxUnit.heads)
    const span = load<u32>(unit, SoftmaxUnit.span)
    const sums: usize = load<u32>(unit, SoftmaxUnit.sums)
    const rows = load<u32>(unit, SoftmaxUnit.rows)
    if (task == SoftmaxTask.partial) partial(load<u32>(unit, SoftmaxUnit.list), rows, head, heads, span)
    else if (task == SoftmaxTask.merge) merge(item, head, heads, span, sums)
    else whole(item, rows, head, heads)
  }
}

/** Begins the sum of a query head: with its sink, a score that no value belongs to, or with nothing. */
function begin(sum: usize, head: usize, bytes: usize): void {
  clear(sum, bytes)
  const sinks: usize = arg(SoftmaxArg.sinks)
  if (sinks == 0) return
  store<f32>(sum, load<f32>(sinks + (head << 2)))
  store<f32>(sum, 1, 4)
}

/** Computes all spans of `rows` rows of queries from `item` on, for `heads` heads from `first` on. */
function whole(item: usize, rows: u32, first: usize, heads: usize): void {
  const group: usize = groupSize()
  const bytes = sumBytes()
  const count = heads * rows * group
  const sums: usize = arg(SoftmaxArg.scratch) + thread * arg(SoftmaxArg.scratchBytes)
  const more = sums + count * bytes
  for (let n: usize = 0; n < count; n++) {
    begin(sums + n * bytes, (first + n / (rows * group)) * group + (n % group), bytes)
  }
  const last = positionOf(item + rows - 1) / SOFTMAX_SPAN
  for (let span = firstOf(item) / SOFTMAX_SPAN; span <= last; span++) {
    sumOf(item, 0, rows, <u32>first, <u32>heads, span, more, more + count * bytes)
    for (let n: usize = 0; n < count; n++) add(sums + n * bytes, more + n * bytes, bytes)
  }
  let sum = sums
  for (let head = first; head < first + heads; head++) {
    for (let r: usize = 0; r < rows; r++) {
      for (let g: usize = 0; g < group; g++, sum += bytes) finish(item + r, head * group + g, sum)
    }
  }
  for (let r: usize = 0; r < rows; r++) close(item + r, first, heads)
}

/** Computes one span of the rows of a list. The sums of all heads of a row follow each other at its address of sums. */
function partial(list: usize, rows: u32, first: usize, heads: usize, span: i32): void {
  const scratch: usize = arg(SoftmaxArg.scratch) + thread * arg(SoftmaxArg.scratchBytes)
  const headBytes = groupSize() * sumBytes()
  const offset = first * headBytes
  if (rows == 1) {
    const sums = load<u32>(list, SOFTMAX_ENTRY_SUMS) + offset
    sumOf(0, list, 1, <u32>first, <u32>heads, span, sums, scratch)
    return
  }
  sumOf(0, list, rows, <u32>first, <u32>heads, span, scratch, scratch + heads * rows * headBytes)
  for (let r: usize = 0; r < rows; r++) {
    const to = load<u32>(list + r * SOFTMAX_ENTRY_BYTES, SOFTMAX_ENTRY_SUMS) + offset
    copyRows(scratch + r * headBytes, rows * headBytes, to, headBytes, headBytes, <u32>heads)
  }
}

/** Computes the sums of one span, in the way of the cache's format (see sumSpan). */
function sumOf(
  item: usize,
  list: usize,
  rows: u32,
  first: u32,
  heads: u32,
  span: i32,
  sums: usize,
  scratch: usize,
): void {
  if (arg(SoftmaxArg.format) == CacheCode.q8) sumSpanQ8(item, list, rows, first, heads, span, sums, scratch)
  else sumSpan(item, list, rows, first, heads, span, sums, scratch)
}

/** Combines the `spans` spans of a row of queries; their sums follow each other at `sums`. */
function merge(item: usize, first: usize, heads: usize, spans: u32, sums: usize): void {
  const group: usize = groupSize()
  const bytes = sumBytes()
  const spanBytes = arg(SoftmaxArg.heads) * bytes
  const hasSinks = arg(SoftmaxArg.sinks) != 0
  for (let head = first * group; head < (first + heads) * group; head++) {
    const found = sums + head * bytes
    let sum = found
    let span: usize = 1
    if (hasSinks) {
      sum = arg(SoftmaxArg.scratch) + thread * arg(SoftmaxArg.scratchBytes)
      begin(sum, head, bytes)
      span = 0
    }
    for (; span < <usize>spans; span++) add(sum, found + span * spanBytes, bytes)
    finish(item, head, sum)
  }
  close(item, first, heads)
}

/** Writes the output of one query head. */
function finish(item: usize, head: usize, sum: usize): void {
  const size: usize = arg(SoftmaxArg.valueSize)
  const o: usize = arg(SoftmaxArg.output) + item * arg(SoftmaxArg.outputStride) + ((head * size) << 2)
  const inverse = <f32>1.0 / load<f32>(sum, 4)
  for (let i: usize = 0; i < size << 2; i += 4) store<f32>(o + i, load<f32>(sum + HEAD + i) * inverse)
}

/** Pads and quantises the channels of some heads of an output row. */
function close(item: usize, first: usize, heads: usize): void {
  const o: usize = arg(SoftmaxArg.output) + item * arg(SoftmaxArg.outputStride)
  const group: usize = groupSize() * arg(SoftmaxArg.valueSize)
  const columns: usize = arg(SoftmaxArg.heads) * arg(SoftmaxArg.valueSize)
  const padded = (columns + 31) & ~31
  const end = first + heads == <usize>arg(SoftmaxArg.keyValueHeads) ? padded : (first + heads) * group
  for (let i = columns; i < end; i++) store<f32>(o + (i << 2), 0)
  if (arg(SoftmaxArg.records) == 0) return
  const record = arg(SoftmaxArg.records) + item * arg(SoftmaxArg.recordStride)
  quantizeBlocks(o, record, padded, (first * group) >> 5, end >> 5)
}
