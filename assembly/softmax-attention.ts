/*
 * Softmax attention over the KV cache with grouped queries, one item per row of queries.
 *
 * For a query at position i, over the keys j <= i (with a window W also j > i - W):
 *     s_j = scale * (q . k_j)      o = sum of e^(s_j - m) v_j / sum of e^(s_j - m)      m = max s_j
 * Query head h reads key/value head h / (heads / keyValueHeads).
 *
 * Keys are taken in spans of 256 by absolute position. Each span is summed on its own, from its own largest score; spans
 * are put together in rising order. So a query's result depends on nothing but its position: not on the batch, the split
 * of the prompt, or who computed which span. Spans are the unit in which few queries over a long cache are shared out:
 *     whole:   a unit is a row of queries and a part of its heads, over all spans
 *     partial: a unit is one span of these; its sums go to memory
 *     merge:   a unit puts the spans of a row and part together
 *
 * Arguments: SoftmaxArg (src/runtime/abi.ts). A page of the cache holds 2^PAGE_SHIFT rows. Bit-identical in all tiers.
 */
import { CacheCode, PAGE_SHIFT, SOFTMAX_SPAN, SoftmaxArg, SoftmaxPhase } from '../src/runtime/abi'
import { arg, argf, thread } from './control'
import { element, load4 } from './dot'
import { exp, exp4 } from './math'
import { quantizeBlocks } from './quantize'

/** A sum over keys: the largest score, the sum of exponentials, 8 bytes of padding, then headSize floats of values. */
const HEAD: usize = 16

function row(table: usize, position: i32): usize {
  const page = load<u32>(table + ((position >> PAGE_SHIFT) << 2))
  return page + (position & ((1 << PAGE_SHIFT) - 1)) * arg(SoftmaxArg.cacheStride)
}

/** Bytes of one sum. */
function sumBytes(size: usize): usize {
  return HEAD + (((size + 3) & ~3) << 2)
}

export function softmaxAttention(chunk: u32): void {
  const from = chunk * arg(SoftmaxArg.chunkUnits)
  const to = min(from + arg(SoftmaxArg.chunkUnits), arg(SoftmaxArg.units))
  const phase = arg(SoftmaxArg.phase)
  const parts = arg(SoftmaxArg.parts)
  const spans = arg(SoftmaxArg.spans)
  for (let unit = from; unit < to; unit++) {
    if (phase == SoftmaxPhase.partial) partial(unit / spans / parts, (unit / spans) % parts, unit % spans)
    else if (phase == SoftmaxPhase.merge) merge(unit / parts, unit % parts)
    else whole(unit / parts, unit % parts)
  }
}

/** First position that a row of queries sees. */
function firstOf(position: i32): i32 {
  const window = <i32>arg(SoftmaxArg.window)
  const oldest = <i32>arg(SoftmaxArg.oldest)
  return window == 0 ? oldest : max(oldest, position - window + 1)
}

function positionOf(item: usize): i32 {
  return <i32>(arg(SoftmaxArg.position) + <u32>item / arg(SoftmaxArg.perToken))
}

/** All spans of one row of queries, for the heads of a part. */
function whole(item: usize, part: usize): void {
  const position = positionOf(item)
  const first = firstOf(position)
  const heads: usize = arg(SoftmaxArg.keyValueHeads) / arg(SoftmaxArg.parts)
  const group: usize = arg(SoftmaxArg.heads) / arg(SoftmaxArg.keyValueHeads)
  const size: usize = arg(SoftmaxArg.headSize)
  const bytes = sumBytes(size)
  const sums: usize = arg(SoftmaxArg.scratch) + thread * arg(SoftmaxArg.scratchBytes)
  const more = sums + group * bytes
  for (let head = part * heads; head < (part + 1) * heads; head++) {
    const begin = first / SOFTMAX_SPAN
    for (let span = begin; span <= position / SOFTMAX_SPAN; span++) {
      sumSpan(item, head, span, position, first, span == begin ? sums : more)
      if (span == begin) continue
      for (let g: usize = 0; g < group; g++) add(sums + g * bytes, more + g * bytes, size)
    }
    for (let g: usize = 0; g < group; g++) finish(item, head * group + g, sums + g * bytes, size)
  }
  close(item, part)
}

/** One span of one row of queries; nothing where it does not reach that far. */
function partial(item: usize, part: usize, span: i32): void {
  const position = positionOf(item)
  const first = firstOf(position)
  const at = first / SOFTMAX_SPAN + span
  if (at > position / SOFTMAX_SPAN) return
  const heads: usize = arg(SoftmaxArg.keyValueHeads) / arg(SoftmaxArg.parts)
  for (let head = part * heads; head < (part + 1) * heads; head++) {
    sumSpan(item, head, at, position, first, partialOf(item, head, span))
  }
}

/** Puts the spans of a row of queries together. */
function merge(item: usize, part: usize): void {
  const position = positionOf(item)
  const spans = position / SOFTMAX_SPAN - firstOf(position) / SOFTMAX_SPAN + 1
  const heads: usize = arg(SoftmaxArg.keyValueHeads) / arg(SoftmaxArg.parts)
  const group: usize = arg(SoftmaxArg.heads) / arg(SoftmaxArg.keyValueHeads)
  const size: usize = arg(SoftmaxArg.headSize)
  const bytes = sumBytes(size)
  for (let head = part * heads; head < (part + 1) * heads; head++) {
    for (let g: usize = 0; g < group; g++) {
      const sum = partialOf(item, head, 0) + g * bytes
      for (let span = 1; span < spans; span++) add(sum, partialOf(item, head, span) + g * bytes, size)
      finish(item, head * group + g, sum, size)
    }
  }
  close(item, part)
}

/** Where the sums of a span go: those of the query heads of a group side by side. */
function partialOf(item: usize, head: usize, span: i32): usize {
  const group: usize = arg(SoftmaxArg.heads) / arg(SoftmaxArg.keyValueHeads)
  const index = (item * arg(SoftmaxArg.keyValueHeads) + head) * arg(SoftmaxArg.spans) + span
  return arg(SoftmaxArg.partials) + index * group * sumBytes(arg(SoftmaxArg.headSize))
}

/** Sums of one span for the query heads that share a key/value head, to `sums`. */
function sumSpan(item: usize, head: usize, span: i32, position: i32, first: i32, sums: usize): void {
  if (arg(SoftmaxArg.format) == CacheCode.bf16) sumKeys<u16>(item, head, span, position, first, sums)
  else sumKeys<f32>(item, head, span, position, first, sums)
}

function sumKeys<T>(item: usize, head: usize, span: i32, position: i32, first: i32, sums: usize): void {
  const group: usize = arg(SoftmaxArg.heads) / arg(SoftmaxArg.keyValueHeads)
  const size: usize = arg(SoftmaxArg.headSize)
  const bytes = sumBytes(size)
  const keys: usize = arg(SoftmaxArg.keys)
  const values: usize = arg(SoftmaxArg.values)
  const channel = head * size * sizeof<T>()
  const from = max(first, span * SOFTMAX_SPAN)
  const count = min(position, span * SOFTMAX_SPAN + (SOFTMAX_SPAN - 1)) - from + 1
  const padded = (count + 7) & ~7
  const queries: usize = arg(SoftmaxArg.q) + item * arg(SoftmaxArg.qStride) + ((head * group * size) << 2)
  const scratch: usize = arg(SoftmaxArg.scratch) + thread * arg(SoftmaxArg.scratchBytes)
  const weights = scratch + 2 * group * bytes
  const stride = (<usize>SOFTMAX_SPAN) << 2
  // Rows beyond the last repeat it, and get no weight.
  for (let j = 0; j < padded; j += 4) {
    const k0 = row(keys, from + min(j, count - 1)) + channel
    const k1 = row(keys, from + min(j + 1, count - 1)) + channel
    const k2 = row(keys, from + min(j + 2, count - 1)) + channel
    const k3 = row(keys, from + min(j + 3, count - 1)) + channel
    for (let g: usize = 0; g < group; g++) {
      score4<T>(queries + ((g * size) << 2), k0, k1, k2, k3, size, weights + g * stride + (j << 2))
    }
  }
  for (let g: usize = 0; g < group; g++) {
    weigh(weights + g * stride, count, padded, sums + g * bytes)
    memory.fill(sums + g * bytes + HEAD, 0, bytes - HEAD)
  }
  for (let j = 0; j < padded; j += 8) {
    const v0 = row(values, from + min(j, count - 1)) + channel
    const v1 = row(values, from + min(j + 1, count - 1)) + channel
    const v2 = row(values, from + min(j + 2, count - 1)) + channel
    const v3 = row(values, from + min(j + 3, count - 1)) + channel
    const v4 = row(values, from + min(j + 4, count - 1)) + channel
    const v5 = row(values, from + min(j + 5, count - 1)) + channel
    const v6 = row(values, from + min(j + 6, count - 1)) + channel
    const v7 = row(values, from + min(j + 7, count - 1)) + channel
    for (let g: usize = 0; g < group; g++) {
      addValues<T>(sums + g * bytes + HEAD, size, weights + g * stride + (j << 2), v0, v1, v2, v3, v4, v5, v6, v7)
    }
  }
}

/** Products of a query with four keys: chain i takes the channels i, i + 4, ...; the chains are added as a tree. */
function score4<T>(q: usize, k0: usize, k1: usize, k2: usize, k3: usize, size: usize, to: usize): void {
  const scale = argf(SoftmaxArg.scale)
  if (ASC_FEATURE_SIMD && (size & 3) == 0) {
    let s0 = f32x4.splat(0)
    let s1 = f32x4.splat(0)
    let s2 = f32x4.splat(0)
    let s3 = f32x4.splat(0)
    const end = q + (size << 2)
    for (let p: usize = 0; q < end; q += 16, p += 4 * sizeof<T>()) {
      const x = v128.load(q)
      s0 = f32x4.add(s0, f32x4.mul(x, load4<T>(k0 + p)))
      s1 = f32x4.add(s1, f32x4.mul(x, load4<T>(k1 + p)))
      s2 = f32x4.add(s2, f32x4.mul(x, load4<T>(k2 + p)))
      s3 = f32x4.add(s3, f32x4.mul(x, load4<T>(k3 + p)))
    }
    // Transposed, so that lane n holds the chains of key n.
    const a = v128.shuffle<i32>(s0, s1, 0, 4, 1, 5)
    const b = v128.shuffle<i32>(s0, s1, 2, 6, 3, 7)
    const c = v128.shuffle<i32>(s2, s3, 0, 4, 1, 5)
    const d = v128.shuffle<i32>(s2, s3, 2, 6, 3, 7)
    const c0 = v128.shuffle<i64>(a, c, 0, 2)
    const c1 = v128.shuffle<i64>(a, c, 1, 3)
    const c2 = v128.shuffle<i64>(b, d, 0, 2)
    const c3 = v128.shuffle<i64>(b, d, 1, 3)
    const sum = f32x4.add(f32x4.add(c0, c1), f32x4.add(c2, c3))
    v128.store(to, f32x4.mul(sum, f32x4.splat(scale)))
  } else {
    store<f32>(to, score<T>(q, k0, size) * scale)
    store<f32>(to, score<T>(q, k1, size) * scale, 4)
    store<f32>(to, score<T>(q, k2, size) * scale, 8)
    store<f32>(to, score<T>(q, k3, size) * scale, 12)
  }
}

function score<T>(q: usize, k: usize, size: usize): f32 {
  return chain<T>(q, k, size, 0) + chain<T>(q, k, size, 1) + (chain<T>(q, k, size, 2) + chain<T>(q, k, size, 3))
}

function chain<T>(q: usize, k: usize, size: usize, lane: usize): f32 {
  let sum: f32 = 0
  for (let i = lane; i < size; i += 4) sum += load<f32>(q + (i << 2)) * element<T>(k, i)
  return sum
}

/** Turns `count` scores into e^(score - largest), those up to `padded` into 0; the largest and the sum go to `sums`. */
function weigh(scores: usize, count: i32, padded: i32, sums: usize): void {
  for (let j = count; j < padded; j++) store<f32>(scores + (j << 2), -Infinity)
  let most: f32 = -Infinity
  const end = scores + (padded << 2)
  if (ASC_FEATURE_SIMD) {
    let m = f32x4.splat(most)
    for (let p = scores; p < end; p += 16) m = f32x4.pmax(m, v128.load(p))
    m = f32x4.pmax(m, v128.shuffle<i32>(m, m, 2, 3, 0, 1))
    m = f32x4.pmax(m, v128.shuffle<i32>(m, m, 1, 0, 3, 2))
    most = f32x4.extract_lane(m, 0)
    const largest = f32x4.splat(most)
    let total = f32x4.splat(0)
    for (let p = scores; p < end; p += 16) {
      const e = exp4(f32x4.sub(v128.load(p), largest))
      v128.store(p, e)
      total = f32x4.add(total, e)
    }
    store<f32>(sums, most)
    store<f32>(
      sums,
      f32x4.extract_lane(total, 0) +
        f32x4.extract_lane(total, 1) +
        (f32x4.extract_lane(total, 2) + f32x4.extract_lane(total, 3)),
      4,
    )
  } else {
    for (let p = scores; p < end; p += 4) most = most < load<f32>(p) ? load<f32>(p) : most
    for (let p = scores; p < end; p += 4) store<f32>(p, exp(load<f32>(p) - most))
    store<f32>(sums, most)
    store<f32>(sums, lane(scores, end) + lane(scores + 4, end) + (lane(scores + 8, end) + lane(scores + 12, end)), 4)
  }
}

function lane(from: usize, end: usize): f32 {
  let sum: f32 = 0
  for (let p = from; p < end; p += 16) sum += load<f32>(p)
  return sum
}

/** o += w0 v0 + ... + w7 v7, in this order; eight rows at once, so that o is read and written once for all. */
function addValues<T>(
  o: usize,
  size: usize,
  weights: usize,
  v0: usize,
  v1: usize,
  v2: usize,
  v3: usize,
  v4: usize,
  v5: usize,
  v6: usize,
  v7: usize,
): void {
  const w0 = load<f32>(weights)
  const w1 = load<f32>(weights, 4)
  const w2 = load<f32>(weights, 8)
  const w3 = load<f32>(weights, 12)
  const w4 = load<f32>(weights, 16)
  const w5 = load<f32>(weights, 20)
  const w6 = load<f32>(weights, 24)
  const w7 = load<f32>(weights, 28)
  let i: usize = 0
  if (ASC_FEATURE_SIMD) {
    const g0 = f32x4.splat(w0)
    const g1 = f32x4.splat(w1)
    const g2 = f32x4.splat(w2)
    const g3 = f32x4.splat(w3)
    const g4 = f32x4.splat(w4)
    const g5 = f32x4.splat(w5)
    const g6 = f32x4.splat(w6)
    const g7 = f32x4.splat(w7)
    for (; i + 4 <= size; i += 4) {
      const p = i * sizeof<T>()
      let sum = v128.load(o + (i << 2))
      sum = f32x4.add(sum, f32x4.mul(g0, load4<T>(v0 + p)))
      sum = f32x4.add(sum, f32x4.mul(g1, load4<T>(v1 + p)))
      sum = f32x4.add(sum, f32x4.mul(g2, load4<T>(v2 + p)))
      sum = f32x4.add(sum, f32x4.mul(g3, load4<T>(v3 + p)))
      sum = f32x4.add(sum, f32x4.mul(g4, load4<T>(v4 + p)))
      sum = f32x4.add(sum, f32x4.mul(g5, load4<T>(v5 + p)))
      sum = f32x4.add(sum, f32x4.mul(g6, load4<T>(v6 + p)))
      sum = f32x4.add(sum, f32x4.mul(g7, load4<T>(v7 + p)))
      v128.store(o + (i << 2), sum)
    }
  }
  for (; i < size; i++) {
    let sum = load<f32>(o + (i << 2))
    sum += w0 * element<T>(v0, i)
    sum += w1 * element<T>(v1, i)
    sum += w2 * element<T>(v2, i)
    sum += w3 * element<T>(v3, i)
    sum += w4 * element<T>(v4, i)
    sum += w5 * element<T>(v5, i)
    sum += w6 * element<T>(v6, i)
    sum += w7 * element<T>(v7, i)
    store<f32>(o + (i << 2), sum)
  }
}

/** Adds the sums of a later span to those so far, both brought to the larger of their largest scores. */
function add(sums: usize, more: usize, size: usize): void {
  const a = load<f32>(sums)
  const b = load<f32>(more)
  const most = max<f32>(a, b)
  const keep = exp(a - most)
  const take = exp(b - most)
  store<f32>(sums, most)
  store<f32>(sums, load<f32>(sums, 4) * keep + load<f32>(more, 4) * take, 4)
  const bytes = sumBytes(size)
  let i = HEAD
  if (ASC_FEATURE_SIMD) {
    const k = f32x4.splat(keep)
    const t = f32x4.splat(take)
    for (; i < bytes; i += 16) {
      v128.store(sums + i, f32x4.add(f32x4.mul(v128.load(sums + i), k), f32x4.mul(v128.load(more + i), t)))
    }
  }
  for (; i < bytes; i += 4) store<f32>(sums + i, load<f32>(sums + i) * keep + load<f32>(more + i) * take)
}

/** Writes the output of one query head. */
function finish(item: usize, head: usize, sums: usize, size: usize): void {
  const o: usize = arg(SoftmaxArg.output) + item * arg(SoftmaxArg.outputStride) + ((head * size) << 2)
  const inverse = <f32>1.0 / load<f32>(sums, 4)
  for (let i: usize = 0; i < size << 2; i += 4) store<f32>(o + i, load<f32>(sums + HEAD + i) * inverse)
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
