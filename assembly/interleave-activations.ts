/*
 * Puts four quantised activation rows side by side for the products of many rows (tile-q4-unpacked.ts): one pointer
 * with constant offsets then reaches all four, which V8 turns into fewer instructions than four pointers.
 *
 * Block of 32 columns, INTERLEAVED_BLOCK_BYTES: for each 4 columns, four int8 of each row (128 B); for each row two
 * int16, the correction for the zero point (16 B); 4 scales (16 B); 4 sums of the activations as floats, for minima
 * (16 B).
 * A product adds pairs of columns in 16-bit lanes: columns 0 and 1 of each four in one lane, 2 and 3 in the next. A lane
 * begins with -zero * sum of its 16 activations. Its final value, at most 16 * 12 * 127 in size, fits in 16 bits, so it
 * does not matter if an intermediate value wraps around.
 */
import { INTERLEAVED_BLOCK_BYTES } from '../src/kernels/abi/formats'

/** Interleaves the records a, b, c and d (quantize.ts). `zero` is the level of a weight of 0. */
export function interleaveActivations(
  a: usize,
  b: usize,
  c: usize,
  d: usize,
  columns: usize,
  zero: i16,
  to: usize,
): void {
  const end = a + columns
  const toB = b - a
  const toC = c - a
  const toD = d - a
  const sums = (columns >> 5) << 2
  let scale = a + 3 * columns
  for (; a < end; a += 32, scale += 4, to += INTERLEAVED_BLOCK_BYTES) {
    const pairs = i16x8.add(interleave16(a, toB, toC, toD, to), interleave16(a + 16, toB, toC, toD, to + 64))
    v128.store(to, i16x8.mul(pairs, i16x8.splat(-zero)), 128)
    const scales = four(scale, toB, toC, toD)
    v128.store(to, scales, 144)
    // As sumOf in tile-q4m.ts.
    const negatives = f32x4.convert_i32x4_s(four(scale + sums, toB, toC, toD))
    v128.store(to, f32x4.mul(negatives, f32x4.mul(scales, f32x4.splat(-0.125))), 160)
  }
}

/** Interleaves 16 columns. Returns the sums of the pairs of columns, two for each row. */
function interleave16(a: usize, toB: usize, toC: usize, toD: usize, to: usize): v128 {
  const rowA = v128.load(a)
  const rowB = v128.load(a + toB)
  const rowC = v128.load(a + toC)
  const rowD = v128.load(a + toD)
  const ab01 = v128.shuffle<i32>(rowA, rowB, 0, 4, 1, 5)
  const ab23 = v128.shuffle<i32>(rowA, rowB, 2, 6, 3, 7)
  const cd01 = v128.shuffle<i32>(rowC, rowD, 0, 4, 1, 5)
  const cd23 = v128.shuffle<i32>(rowC, rowD, 2, 6, 3, 7)
  const group0 = v128.shuffle<i64>(ab01, cd01, 0, 2)
  const group1 = v128.shuffle<i64>(ab01, cd01, 1, 3)
  const group2 = v128.shuffle<i64>(ab23, cd23, 0, 2)
  const group3 = v128.shuffle<i64>(ab23, cd23, 1, 3)
  v128.store(to, group0)
  v128.store(to, group1, 16)
  v128.store(to, group2, 32)
  v128.store(to, group3, 48)
  return i16x8.add(
    i16x8.add(i16x8.extadd_pairwise_i8x16_s(group0), i16x8.extadd_pairwise_i8x16_s(group1)),
    i16x8.add(i16x8.extadd_pairwise_i8x16_s(group2), i16x8.extadd_pairwise_i8x16_s(group3)),
  )
}

/** Words of the four rows at the same offset. */
function four(at: usize, toB: usize, toC: usize, toD: usize): v128 {
  const ab = v128.load32_lane(at + toB, v128.load32_zero(at), 1)
  return v128.load32_lane(at + toD, v128.load32_lane(at + toC, ab, 2), 3)
}
