/*
 * Stick-breaking attention over the q8 cache (cache-q8.ts), block by block as in attention.ts. Both products are sums of
 * integers, which are exact in any order: the query and, in each block, the weights times the scales of their values are
 * levels of 16 bits (levels.ts).
 *
 * Bit-identical in all tiers.
 */
import { AttentionArg, Place } from '../src/kernels/abi/attention'
import { arg, argf, scratch } from './control'
import { levels16, MOST_LEVEL, mostLevel } from './levels'
import { breakStick, row } from './stick'

/** Bytes of the weights of a block, and of the rests of the stick after them. The levels of the query follow. */
const BLOCK_BYTES: usize = 64

/**
 * Computes head `h`, of `size` channels, of one slot: o += the stick-broken sum over the cached rows. Returns the number
 * of visited keys.
 */
export function walkQ8(q: usize, o: usize, place: usize, h: usize, size: usize): u32 {
  const keys: usize = load<u32>(place, Place.keys)
  const values: usize = load<u32>(place, Place.values)
  const position = load<i32>(place, Place.position)
  const oldest = load<i32>(place, Place.oldest)
  const enough = argf(AttentionArg.enough)
  const head = h << 2
  const channels = (arg(AttentionArg.heads) << 2) + h * size
  const scores = scratch()
  const query = scores + BLOCK_BYTES
  const out = o + ((h * size) << 2)
  const queryScale = levels16(q + ((h * size) << 2), size, query, mostLevel(<u32>size))
  let stick: f32 = 1
  let j = position
  for (; j >= oldest && stick >= enough; j -= 8) {
    // Keys before the oldest get weight 0 and repeat the oldest row, whose address is certainly valid.
    const last = min(8, j - oldest + 1)
    for (let i = 0; i < last; i++) {
      const key = row(keys, j - i)
      store<f32>(scores + (i << 2), <f32>dot(query, key + channels, size) * queryScale * load<f32>(key + head))
    }
    stick = breakStick(scores, last, stick, argf(AttentionArg.scale))
    for (let i = 0; i < last; i++) {
      const at = scores + (i << 2)
      store<f32>(at, load<f32>(at) * load<f32>(row(values, j - i) + head))
    }
    const factor = levels16(scores, 8, scores, MOST_LEVEL)
    addValues(
      out,
      size,
      row(values, j) + channels,
      row(values, max(j - 1, oldest)) + channels,
      row(values, max(j - 2, oldest)) + channels,
      row(values, max(j - 3, oldest)) + channels,
      row(values, max(j - 4, oldest)) + channels,
      row(values, max(j - 5, oldest)) + channels,
      row(values, max(j - 6, oldest)) + channels,
      row(values, max(j - 7, oldest)) + channels,
      scores,
      factor,
    )
  }
  return position - max(j, oldest - 1)
}

/** Dot product of `n` levels of 16 bits with as many of 8 bits. */
function dot(a: usize, b: usize, n: usize): i32 {
  let sum = 0
  let i: usize = 0
  if (ASC_FEATURE_SIMD) {
    let s = i32x4.splat(0)
    let t = i32x4.splat(0)
    for (; i + 16 <= n; i += 16) {
      const p = a + (i << 1)
      s = i32x4.add(s, i32x4.dot_i16x8_s(v128.load(p), v128.load_ext<i8>(b + i)))
      t = i32x4.add(t, i32x4.dot_i16x8_s(v128.load(p, 16), v128.load_ext<i8>(b + i, 8)))
    }
    s = i32x4.add(s, t)
    s = i32x4.add(s, v128.shuffle<i32>(s, s, 2, 3, 0, 1))
    sum = i32x4.extract_lane(s, 0) + i32x4.extract_lane(s, 1)
  }
  for (; i < n; i++) sum += load<i16>(a + (i << 1)) * <i32>load<i8>(b + i)
  return sum
}

/** out += factor * (w[0] v0 + ... + w[7] v7), with weights of 16 bits. */
function addValues(
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
  w: usize,
  factor: f32,
): void {
  let i: usize = 0
  if (ASC_FEATURE_SIMD) {
    const w0 = v128.load32_splat(w)
    const w2 = v128.load32_splat(w, 4)
    const w4 = v128.load32_splat(w, 8)
    const w6 = v128.load32_splat(w, 12)
    const f = f32x4.splat(factor)
    for (; i + 16 <= size; i += 16) {
      const r0 = v128.load(v0 + i)
      const r1 = v128.load(v1 + i)
      const r2 = v128.load(v2 + i)
      const r3 = v128.load(v3 + i)
      const r4 = v128.load(v4 + i)
      const r5 = v128.load(v5 + i)
      const r6 = v128.load(v6 + i)
      const r7 = v128.load(v7 + i)
      const p = out + (i << 2)
      addPairs(p, f, lowPairs(r0, r1), lowPairs(r2, r3), lowPairs(r4, r5), lowPairs(r6, r7), w0, w2, w4, w6)
      addPairs(p + 32, f, highPairs(r0, r1), highPairs(r2, r3), highPairs(r4, r5), highPairs(r6, r7), w0, w2, w4, w6)
    }
  }
  for (; i < size; i++) {
    const low =
      load<i16>(w) * <i32>load<i8>(v0 + i) +
      load<i16>(w, 2) * <i32>load<i8>(v1 + i) +
      load<i16>(w, 4) * <i32>load<i8>(v2 + i) +
      load<i16>(w, 6) * <i32>load<i8>(v3 + i)
    const high =
      load<i16>(w, 8) * <i32>load<i8>(v4 + i) +
      load<i16>(w, 10) * <i32>load<i8>(v5 + i) +
      load<i16>(w, 12) * <i32>load<i8>(v6 + i) +
      load<i16>(w, 14) * <i32>load<i8>(v7 + i)
    const p = out + (i << 2)
    store<f32>(p, load<f32>(p) + <f32>(low + high) * factor)
  }
}

/** The first 8 numbers of two rows, in turns. */
function lowPairs(a: v128, b: v128): v128 {
  return v128.shuffle<i8>(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23)
}

/** The last 8 numbers of two rows, in turns. */
function highPairs(a: v128, b: v128): v128 {
  return v128.shuffle<i8>(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31)
}

/** Adds the weighted pairs of 8 channels to their sums. */
function addPairs(
  out: usize,
  factor: v128,
  a: v128,
  b: v128,
  c: v128,
  d: v128,
  wa: v128,
  wb: v128,
  wc: v128,
  wd: v128,
): void {
  let s = i32x4.dot_i16x8_s(i16x8.extend_low_i8x16_s(a), wa)
  let t = i32x4.dot_i16x8_s(i16x8.extend_high_i8x16_s(a), wa)
  s = i32x4.add(s, i32x4.dot_i16x8_s(i16x8.extend_low_i8x16_s(b), wb))
  t = i32x4.add(t, i32x4.dot_i16x8_s(i16x8.extend_high_i8x16_s(b), wb))
  s = i32x4.add(s, i32x4.dot_i16x8_s(i16x8.extend_low_i8x16_s(c), wc))
  t = i32x4.add(t, i32x4.dot_i16x8_s(i16x8.extend_high_i8x16_s(c), wc))
  s = i32x4.add(s, i32x4.dot_i16x8_s(i16x8.extend_low_i8x16_s(d), wd))
  t = i32x4.add(t, i32x4.dot_i16x8_s(i16x8.extend_high_i8x16_s(d), wd))
  v128.store(out, f32x4.add(v128.load(out), f32x4.mul(f32x4.convert_i32x4_s(s), factor)))
  v128.store(out, f32x4.add(v128.load(out, 16), f32x4.mul(f32x4.convert_i32x4_s(t), factor)), 16)
}
