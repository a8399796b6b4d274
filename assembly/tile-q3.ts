/*
 * Product of 3-bit weights with one quantised activation row. For more rows, weights become 4-bit ones first
 * (widen-tiles.ts).
 *
 * A band is the tiles of a group of 8 rows of weights, 112 B per tile of 32 columns: 8 bfloat16 scales, which may be
 * negative, then three times two vectors, rows 0-3 and rows 4-7. A row's lane has bytes j = 0..3. The levels n of columns
 * 4q + j, q = 0..7, are in bytes j of the lanes a, b and c of the three pairs of vectors:
 *   q = 0, 1: bits 0-2 and 3-5 of a    q = 2, 3: of b    q = 4, 5: of c
 *   q = 6: bits 6-7 of a, then bit 6 of b    q = 7: bits 6-7 of c, then bit 7 of b
 * weight = scale * (n - 4).
 * record: activations as in quantize.ts. out: 8 floats per band, overwritten.
 *
 * Half of the record's -8 * sum removes the zero point. out = sum over tiles of (scale_w * scale_a) * integer dot, tile
 * after tile: the integers are the same in all tiers, and so is every bit of the result.
 */
import { TileBytes } from '../src/kernels/abi/formats'
import { addPairs } from './tile-q4'
import { addBlock } from './tile-q4-pair'

const TILE: usize = TileBytes.q3

/** Level of row r and column c of a tile, 0 to 7. */
export function levelQ3(tile: usize, r: usize, c: usize): i32 {
  const at = tile + 16 + (r << 2) + (c & 3)
  const quad = c >> 2
  if (quad < 6) return (load<u8>(at + ((quad >> 1) << 5)) >> (3 * (<u8>quad & 1))) & 7
  const b = <i32>load<u8>(at, 32)
  return quad == 6 ? (<i32>load<u8>(at) >> 6) | ((b >> 4) & 4) : (<i32>load<u8>(at, 64) >> 6) | ((b >> 5) & 4)
}

/** Bands `first` and `second` with one activation row. The plain tier widens its weights too. */
export function tileQ3x1(
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
    // 7, 3 and 4 in every byte. See nibbleMask.
    const mask = i8x16.splat(7 + <i8>(columns & 31))
    const low = i8x16.splat(3 + <i8>(columns & 31))
    const high = i8x16.splat(4 + <i8>(columns & 31))
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
        const x = v128.load32_splat(record + (g >> 2))
        const y = v128.load32_splat(record + (g >> 2), 4)
        let w0 = v128.load(first + g, 16)
        let w1 = v128.load(first + g, 32)
        pairs0 = addPairs(pairs0, x, v128.and(w0, mask))
        pairs1 = addPairs(pairs1, x, v128.and(w1, mask))
        pairs0 = addPairs(pairs0, y, v128.and(i16x8.shr_u(w0, 3), mask))
        pairs1 = addPairs(pairs1, y, v128.and(i16x8.shr_u(w1, 3), mask))
        w0 = v128.load(second + g, 16)
        w1 = v128.load(second + g, 32)
        pairs2 = addPairs(pairs2, x, v128.and(w0, mask))
        pairs3 = addPairs(pairs3, x, v128.and(w1, mask))
        pairs2 = addPairs(pairs2, y, v128.and(i16x8.shr_u(w0, 3), mask))
        pairs3 = addPairs(pairs3, y, v128.and(i16x8.shr_u(w1, 3), mask))
        g += 32
      } while (g < 96)
      const x = v128.load32_splat(record, 24)
      const y = v128.load32_splat(record, 28)
      pairs0 = addPairs(pairs0, x, six(v128.load(first, 16), v128.load(first, 48), low, high))
      pairs1 = addPairs(pairs1, x, six(v128.load(first, 32), v128.load(first, 64), low, high))
      pairs0 = addPairs(pairs0, y, seven(v128.load(first, 80), v128.load(first, 48), low, high))
      pairs1 = addPairs(pairs1, y, seven(v128.load(first, 96), v128.load(first, 64), low, high))
      pairs2 = addPairs(pairs2, x, six(v128.load(second, 16), v128.load(second, 48), low, high))
      pairs3 = addPairs(pairs3, x, six(v128.load(second, 32), v128.load(second, 64), low, high))
      pairs2 = addPairs(pairs2, y, seven(v128.load(second, 80), v128.load(second, 48), low, high))
      pairs3 = addPairs(pairs3, y, seven(v128.load(second, 96), v128.load(second, 64), low, high))
      const zero = i32x4.shr_s(v128.load32_splat(scale + sums), 1)
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
    scalarQ3(first, columns, record, firstOut)
    scalarQ3(second, columns, record, secondOut)
  }
}

/** One band with one activation row, without vectors. */
function scalarQ3(weights: usize, columns: usize, record: usize, out: usize): void {
  const blocks = columns >> 5
  const scale = record + 3 * columns
  for (let r: usize = 0; r < 8; r++) {
    let total: f32 = 0
    for (let b: usize = 0; b < blocks; b++) {
      const tile = weights + b * TILE
      let dot = load<i32>(scale + (blocks << 2) + (b << 2)) >> 1
      for (let c: usize = 0; c < 32; c++) dot += levelQ3(tile, r, c) * <i32>load<i8>(record + (b << 5) + c)
      const scaleW = reinterpret<f32>((<u32>load<u16>(tile + (r << 1))) << 16)
      total += <f32>dot * (scaleW * load<f32>(scale + (b << 2)))
    }
    store<f32>(out + (r << 2), total)
  }
}

/** Levels of columns 24 to 27. */
function six(a: v128, b: v128, low: v128, high: v128): v128 {
  return v128.or(v128.and(i16x8.shr_u(a, 6), low), v128.and(i16x8.shr_u(b, 4), high))
}

/** Levels of columns 28 to 31. */
function seven(c: v128, b: v128, low: v128, high: v128): v128 {
  return v128.or(v128.and(i16x8.shr_u(c, 6), low), v128.and(i16x8.shr_u(b, 5), high))
}
