/*
 * Product of 2-bit weights with one quantised activation row. For more rows, weights become 4-bit ones first
 * (widen-tiles.ts).
 *
 * A band is the tiles of a group of 8 rows of weights, 80 B per tile of 32 columns: 8 bfloat16 scales, which may be
 * negative, then for each 16 columns two vectors, rows 0-3 and rows 4-7; byte j (0..3) of a row's lane has the levels n
 * of columns j, 4 + j, 8 + j and 12 + j, two bits each, from the lowest. weight = scale * (4 n - 7).
 * record: activations as in quantize.ts. out: 8 floats per band, overwritten.
 *
 * 7/8 of the record's -8 * sum remove the zero point. out = sum over tiles of (scale_w * scale_a) * integer dot, tile
 * after tile: the integers are the same in all tiers, and so is every bit of the result.
 */
import { TileBytes } from '../src/kernels/abi/formats'
import { addPairs } from './tile-q4'
import { addBlock } from './tile-q4-pair'

const TILE: usize = TileBytes.q2

/** Level of row r and column c of a tile, 0 to 3. */
export function levelQ2(tile: usize, r: usize, c: usize): i32 {
  const byte = <i32>load<u8>(tile + 16 + ((c >> 4) << 5) + (r << 2) + (c & 3))
  return (byte >> (((<i32>c >> 2) & 3) << 1)) & 3
}

/** Bands `first` and `second` with one activation row. The plain tier widens its weights too. */
export function tileQ2x1(
  first: usize,
  second: usize,
  columns: usize,
  record: usize,
  firstOut: usize,
  secondOut: usize,
): void {
  if (ASC_FEATURE_RELAXED_SIMD) {
    const sums = (columns >> 5) << 2
    const end = record + columns
    let scale = record + 3 * columns
    // 12 in every byte: four times the level. See nibbleMask.
    const mask = i8x16.splat(12 + <i8>(columns & 31))
    let total0 = f32x4.splat(0)
    let total1 = f32x4.splat(0)
    let total2 = f32x4.splat(0)
    let total3 = f32x4.splat(0)
    for (; record < end; first += TILE, second += TILE, record += 32, scale += 4) {
      let pairs0 = i16x8.splat(0)
      let pairs1 = i16x8.splat(0)
      let pairs2 = i16x8.splat(0)
      let pairs3 = i16x8.splat(0)
      // Tested at the end for V8, see tile-q4.ts.
      let g: usize = 0
      do {
        const w0 = v128.load(first + g, 16)
        const w1 = v128.load(first + g, 32)
        const w2 = v128.load(second + g, 16)
        const w3 = v128.load(second + g, 32)
        let x = v128.load32_splat(record + (g >> 1), 0)
        pairs0 = addPairs(pairs0, x, v128.and(i16x8.shl(w0, 2), mask))
        pairs1 = addPairs(pairs1, x, v128.and(i16x8.shl(w1, 2), mask))
        pairs2 = addPairs(pairs2, x, v128.and(i16x8.shl(w2, 2), mask))
        pairs3 = addPairs(pairs3, x, v128.and(i16x8.shl(w3, 2), mask))
        x = v128.load32_splat(record + (g >> 1), 4)
        pairs0 = addPairs(pairs0, x, v128.and(w0, mask))
        pairs1 = addPairs(pairs1, x, v128.and(w1, mask))
        pairs2 = addPairs(pairs2, x, v128.and(w2, mask))
        pairs3 = addPairs(pairs3, x, v128.and(w3, mask))
        x = v128.load32_splat(record + (g >> 1), 8)
        pairs0 = addPairs(pairs0, x, v128.and(i16x8.shr_u(w0, 2), mask))
        pairs1 = addPairs(pairs1, x, v128.and(i16x8.shr_u(w1, 2), mask))
        pairs2 = addPairs(pairs2, x, v128.and(i16x8.shr_u(w2, 2), mask))
        pairs3 = addPairs(pairs3, x, v128.and(i16x8.shr_u(w3, 2), mask))
        x = v128.load32_splat(record + (g >> 1), 12)
        pairs0 = addPairs(pairs0, x, v128.and(i16x8.shr_u(w0, 4), mask))
        pairs1 = addPairs(pairs1, x, v128.and(i16x8.shr_u(w1, 4), mask))
        pairs2 = addPairs(pairs2, x, v128.and(i16x8.shr_u(w2, 4), mask))
        pairs3 = addPairs(pairs3, x, v128.and(i16x8.shr_u(w3, 4), mask))
        g += 32
      } while (g < 64)
      const sum = v128.load32_splat(scale + sums)
      const zero = i32x4.sub(sum, i32x4.shr_s(sum, 3))
      const s = v128.load32_splat(scale)
      total0 = addBlock(total0, pairs0, zero, i32x4.shl(v128.load_ext<u16>(first), 16), s)
      total1 = addBlock(total1, pairs1, zero, i32x4.shl(v128.load_ext<u16>(first, 8), 16), s)
      total2 = addBlock(total2, pairs2, zero, i32x4.shl(v128.load_ext<u16>(second), 16), s)
      total3 = addBlock(total3, pairs3, zero, i32x4.shl(v128.load_ext<u16>(second, 8), 16), s)
    }
    v128.store(firstOut, total0)
    v128.store(firstOut, total1, 16)
    v128.store(secondOut, total2)
    v128.store(secondOut, total3, 16)
  } else {
    scalarQ2(first, columns, record, firstOut)
    scalarQ2(second, columns, record, secondOut)
  }
}

/** One band with one activation row, without vectors. */
function scalarQ2(weights: usize, columns: usize, record: usize, out: usize): void {
  const blocks = columns >> 5
  const scale = record + 3 * columns
  for (let r: usize = 0; r < 8; r++) {
    let total: f32 = 0
    for (let b: usize = 0; b < blocks; b++) {
      const tile = weights + b * TILE
      let sum = 0
      for (let c: usize = 0; c < 32; c++) sum += levelQ2(tile, r, c) * <i32>load<i8>(record + (b << 5) + c)
      const dot = 4 * sum + 7 * (load<i32>(scale + (blocks << 2) + (b << 2)) >> 3)
      const scaleW = reinterpret<f32>((<u32>load<u16>(tile + (r << 1))) << 16)
      total += <f32>dot * (scaleW * load<f32>(scale + (b << 2)))
    }
    store<f32>(out + (r << 2), total)
  }
}
