/*
 * Activation quantisation: a row of floats to int8 in blocks of 32, for the q8 and q4 products.
 *
 * Record of a row of n columns (n a multiple of 32, b = n / 32 blocks), at a 16-byte aligned address:
 *   int8  [n]  in the order of the columns, for the relaxed dot of the q4 tiles
 *   int16 [n]  the same numbers, each 8 columns in the order 0 2 4 6 1 3 5 7, for the plain dots (see tile-q4.ts)
 *   f32   [b]  scale: value = scale * int8
 *   i32   [b]  -8 * sum of the block: removes the zero point of the q4 weights in one addition
 * and padding to a multiple of 64 bytes. scale = max |x| / 127, rounding to nearest, ties to even. A block whose largest
 * magnitude is below LEAST counts as zeros: the inverse of its scale would be infinite.
 * Bit-identical in all tiers.
 */
import { nearest4 } from './math'

const LEAST: f32 = 1e-36

/** Quantises the blocks [from, to) of a row: x points to column 0 of the row, record to its record. */
export function quantizeBlocks(x: usize, record: usize, n: usize, from: usize, to: usize): void {
  const blocks = n >> 5
  const wide = record + n
  const scales = record + 3 * n
  const sums = scales + (blocks << 2)
  for (let b = from; b < to; b++) {
    quantizeBlock(x + (b << 7), record + (b << 5), wide + (b << 6), scales + (b << 2), sums + (b << 2))
  }
}

function quantizeBlock(x: usize, narrow: usize, wide: usize, scale: usize, sum: usize): void {
  if (ASC_FEATURE_SIMD) {
    let m = f32x4.abs(v128.load(x))
    for (let i: usize = 16; i < 128; i += 16) m = f32x4.pmax(m, f32x4.abs(v128.load(x + i)))
    m = f32x4.pmax(m, v128.shuffle<i32>(m, m, 2, 3, 0, 1))
    m = f32x4.pmax(m, v128.shuffle<i32>(m, m, 1, 0, 3, 2))
    const most = f32x4.extract_lane(m, 0)
    const inverse = f32x4.splat(most > LEAST ? <f32>127.0 / most : <f32>0.0)
    let total = i32x4.splat(0)
    for (let i: usize = 0; i < 4; i++) {
      const p = x + (i << 5)
      const low = nearest4(f32x4.mul(v128.load(p), inverse))
      const high = nearest4(f32x4.mul(v128.load(p, 16), inverse))
      const both = i16x8.narrow_i32x4_s(low, high)
      total = i32x4.add(total, i32x4.add(low, high))
      v128.store(wide + (i << 4), v128.shuffle<i16>(both, both, 0, 2, 4, 6, 1, 3, 5, 7))
      v128.store64_lane(narrow + (i << 3), i8x16.narrow_i16x8_s(both, both), 0)
    }
    store<f32>(scale, most / <f32>127.0)
    store<i32>(
      sum,
      -8 *
        (i32x4.extract_lane(total, 0) +
          i32x4.extract_lane(total, 1) +
          i32x4.extract_lane(total, 2) +
          i32x4.extract_lane(total, 3)),
    )
  } else {
    let most: f32 = 0
    for (let i: usize = 0; i < 128; i += 4) {
      const size = abs<f32>(load<f32>(x + i))
      most = most < size ? size : most
    }
    const inverse = most > LEAST ? <f32>127.0 / most : <f32>0.0
    let total = 0
    for (let c: usize = 0; c < 32; c++) {
      const q = <i32>nearest<f32>(load<f32>(x + (c << 2)) * inverse)
      total += q
      store<i8>(narrow + c, <i8>q)
      // Column c of its group of 8 moves to (c even ? 0 : 4) + c / 2.
      const place = (c & 24) + ((c & 1) << 2) + ((c & 7) >> 1)
      store<i16>(wide + (place << 1), <i16>q)
    }
    store<f32>(scale, most / <f32>127.0)
    store<i32>(sum, -8 * total)
  }
}
