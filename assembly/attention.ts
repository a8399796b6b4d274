/*
 * Stick-breaking attention over the KV cache, one item per token and slot. A slot is one of the token's k query
 * experts; all of them share keys and values.
 *
 * For query position i the walk goes from key i (the token itself) back to the oldest with a stick of length 1:
 *     z = (q . k_j) / sqrt(s)      w_j = sigmoid(z) * stick      stick *= 1 - sigmoid(z)      o += w_j * v_j
 * The weights are not normalised. The rest of the stick bounds all that older keys can still add, in units of the
 * largest value, so the walk ends once it is below `enough`: exact to that bound, and cheap for any length of the past.
 * Keys are taken in blocks of 8 counted from the query, so the result does not depend on how the prompt was split.
 *
 * The tokens of a micro-batch may belong to several sequences: each has a place, which gives its position and its
 * cache.
 *
 * Arguments: AttentionArg (src/runtime/abi/attention.ts). A page holds PAGE_ROWS rows; table[position >> PAGE_SHIFT] is its
 * address. Bit-identical in all tiers.
 */
import { AttentionArg, PLACE_BYTES, Place } from '../src/runtime/abi/attention'
import { CacheCode, PAGE_ROWS, PAGE_SHIFT } from '../src/runtime/abi/formats'
import { arg, argf, scratch } from './control'
import { dot2, element, load4 } from './dot'
import { exp4, sigmoid, sigmoidOfSize4 } from './math'
import { quantizeBlocks } from './quantize'

function row(table: usize, position: i32): usize {
  return (
    load<u32>(table + ((position >> PAGE_SHIFT) << 2)) + (position & (PAGE_ROWS - 1)) * arg(AttentionArg.cacheStride)
  )
}

export function attention(chunk: u32): void {
  const parts = arg(AttentionArg.parts)
  const heads = arg(AttentionArg.heads) / parts
  const channels: usize = (arg(AttentionArg.channels) / arg(AttentionArg.heads)) * heads
  const records: usize = arg(AttentionArg.records)
  const depths: usize = arg(AttentionArg.depths)
  const from = chunk * arg(AttentionArg.chunkParts)
  const to = min(from + arg(AttentionArg.chunkParts), arg(AttentionArg.items) * parts)
  for (let unit = from; unit < to; unit++) {
    const item = unit / parts
    const firstHead = (unit % parts) * heads
    const firstChannel = (unit % parts) * channels
    // The last part includes the padding.
    const end = unit % parts == parts - 1 ? arg(AttentionArg.padded) : firstChannel + channels
    const q: usize = arg(AttentionArg.q) + item * arg(AttentionArg.stride)
    const o: usize = arg(AttentionArg.output) + item * arg(AttentionArg.stride)
    const place: usize = arg(AttentionArg.places) + (item / arg(AttentionArg.k)) * PLACE_BYTES
    for (let i: usize = firstChannel << 2; i < end << 2; i += 4) store<f32>(o + i, 0)
    for (let h = firstHead; h < firstHead + heads; h++) {
      const size: usize = arg(AttentionArg.channels) / arg(AttentionArg.heads)
      const channel = h * size
      const walked =
        arg(AttentionArg.format) == CacheCode.bf16
          ? walk<u16>(q, o, place, channel, size)
          : walk<f32>(q, o, place, channel, size)
      if (depths != 0) store<u32>(depths + ((item * arg(AttentionArg.heads) + h) << 2), walked)
    }
    if (records != 0) {
      const record = records + item * arg(AttentionArg.recordStride)
      quantizeBlocks(o, record, arg(AttentionArg.padded), firstChannel >> 5, end >> 5)
    }
  }
}

/**
 * Computes one head of one slot from its first channel on: o += the stick-broken sum over cached rows of T. Returns the
 * number of visited keys.
 */
function walk<T>(q: usize, o: usize, place: usize, channel: usize, size: usize): u32 {
  const head = channel * sizeof<T>()
  const keys: usize = load<u32>(place, Place.keys)
  const values: usize = load<u32>(place, Place.values)
  const position = load<i32>(place, Place.position)
  const oldest = load<i32>(place, Place.oldest)
  const scale = argf(AttentionArg.scale)
  const enough = argf(AttentionArg.enough)
  const query = q + (channel << 2)
  const out = o + (channel << 2)
  // Products q . k of a block, later the parts of the stick that its keys break off.
  const scores = scratch()
  let stick: f32 = 1
  let j = position
  for (; j >= oldest && stick >= enough; j -= 8) {
    // Keys before the oldest get weight 0 and repeat the oldest row, whose address is certainly valid.
    const last = min(8, j - oldest + 1)
    for (let i = 0; i < last; i += 2) {
      const next = max(j - i - 1, oldest)
      dot2<T>(query, row(keys, j - i) + head, row(keys, next) + head, size, scores + (i << 2))
    }
    stick = breakStick(scores, last, stick, scale)
    addValues<T>(
      out,
      size,
      row(values, j) + head,
      row(values, max(j - 1, oldest)) + head,
      row(values, max(j - 2, oldest)) + head,
      row(values, max(j - 3, oldest)) + head,
      row(values, max(j - 4, oldest)) + head,
      row(values, max(j - 5, oldest)) + head,
      row(values, max(j - 6, oldest)) + head,
      row(values, max(j - 7, oldest)) + head,
      load<f32>(scores),
      load<f32>(scores, 4),
      load<f32>(scores, 8),
      load<f32>(scores, 12),
      load<f32>(scores, 16),
      load<f32>(scores, 20),
      load<f32>(scores, 24),
      load<f32>(scores, 28),
    )
  }
  return position - max(j, oldest - 1)
}

/**
 * Turns the products q . k of a block of 8 keys into their weights, sigmoid(z) times the stick before them. The keys
 * from `last` on get 0. Returns the rest of the stick.
 */
function breakStick(scores: usize, last: i32, stick: f32, scale: f32): f32 {
  const rests = scores + 32
  if (ASC_FEATURE_SIMD) {
    for (let i: usize = 0; i < 32; i += 16) {
      // sigmoid(z) and 1 - sigmoid(z) = sigmoid(-z) need only one exponential.
      const z = f32x4.mul(v128.load(scores + i), f32x4.splat(scale))
      const e = exp4(f32x4.neg(f32x4.abs(z)))
      const large = sigmoidOfSize4(e)
      const small = f32x4.mul(e, large)
      const negative = f32x4.lt(z, f32x4.splat(0))
      v128.store(scores + i, v128.bitselect(small, large, negative))
      v128.store(rests + i, v128.bitselect(large, small, negative))
    }
  } else {
    for (let i: usize = 0; i < 32; i += 4) {
      const z = load<f32>(scores + i) * scale
      store<f32>(scores + i, sigmoid(z))
      store<f32>(rests + i, sigmoid(-z))
    }
  }
  for (let i = 0; i < 8; i++) {
    const at = scores + (i << 2)
    if (i < last) {
      store<f32>(at, load<f32>(at) * stick)
      stick *= load<f32>(at, 32)
    } else {
      store<f32>(at, 0)
    }
  }
  return stick
}

/** out += w0 v0 + ... + w7 v7, added newest first. Eight rows at once, so that out is read and written once for all. */
function addValues<T>(
  out: usize,
  size: usize,
  v0: usize,
  v1: usize,
  v2: usize,
  v3: usize,
  v4: usize,
  v5: usize,
  v6: usize,
  v7: usize,
  w0: f32,
  w1: f32,
  w2: f32,
  w3: f32,
  w4: f32,
  w5: f32,
  w6: f32,
  w7: f32,
): void {
  const bytes = size << 2
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
    for (; i + 16 <= bytes; i += 16) {
      let sum = v128.load(out + i)
      sum = f32x4.add(sum, f32x4.mul(g0, load4<T>(v0 + (i >> 2) * sizeof<T>())))
      sum = f32x4.add(sum, f32x4.mul(g1, load4<T>(v1 + (i >> 2) * sizeof<T>())))
      sum = f32x4.add(sum, f32x4.mul(g2, load4<T>(v2 + (i >> 2) * sizeof<T>())))
      sum = f32x4.add(sum, f32x4.mul(g3, load4<T>(v3 + (i >> 2) * sizeof<T>())))
      sum = f32x4.add(sum, f32x4.mul(g4, load4<T>(v4 + (i >> 2) * sizeof<T>())))
      sum = f32x4.add(sum, f32x4.mul(g5, load4<T>(v5 + (i >> 2) * sizeof<T>())))
      sum = f32x4.add(sum, f32x4.mul(g6, load4<T>(v6 + (i >> 2) * sizeof<T>())))
      sum = f32x4.add(sum, f32x4.mul(g7, load4<T>(v7 + (i >> 2) * sizeof<T>())))
      v128.store(out + i, sum)
    }
  }
  for (; i < bytes; i += 4) {
    let sum = load<f32>(out + i)
    sum += w0 * element<T>(v0, i >> 2)
    sum += w1 * element<T>(v1, i >> 2)
    sum += w2 * element<T>(v2, i >> 2)
    sum += w3 * element<T>(v3, i >> 2)
    sum += w4 * element<T>(v4, i >> 2)
    sum += w5 * element<T>(v5, i >> 2)
    sum += w6 * element<T>(v6, i >> 2)
    sum += w7 * element<T>(v7, i >> 2)
    store<f32>(out + i, sum)
  }
}
