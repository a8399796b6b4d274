/*
 * Product of 4-bit weights with one or four quantised activation rows.
 *
 * A band is the tiles of a group of 8 rows of weights. A tile of 32 columns: 8 bfloat16 scales; in q4m 8 bfloat16 minima;
 * then for each 8 columns two vectors, rows 0-3 and rows 4-7. Byte j (0..3) of a row's lane has column j in its low and
 * column 4 + j in its high nibble. weight = scale * (nibble - 8) in q4 (144 B), scale * nibble + minimum in q4m (160 B).
 * record: activations as in quantize.ts. out: 8 floats per band, overwritten.
 *
 * relaxed: i16x8.relaxed_dot multiplies int8 activations by nibbles (0..15, so the instruction is exact everywhere) and
 *   adds pairs. A pair is at most 2 * 127 * 15 = 3810; the 8 pairs of a tile stay below 2^15, so one widening per tile is
 *   enough. Four int8 of the activation are one 32-bit splat, shared by all rows.
 * plain: a lane of 16 bits holds 4 nibbles; shifted and masked it is already a 16-bit integer, and i32x4.dot_i16x8_s
 *   takes it directly. Nibble k of the two lanes of a row are columns (0,2), (4,6), (1,3), (5,7) for k = 0..3, hence the
 *   order of the int16 copy of the activations.
 * out = sum over tiles of what addTile adds, tile after tile: the integers are the same in all tiers, and so is every bit
 * of the result.
 *
 * One activation row is multiplied with two bands at once (chosen in matmul.ts): their two streams of memory are
 * fetched side by side, and each splat serves both.
 */
import { TileBytes } from '../src/kernels/abi/formats'
import { addPairs, addScaled, highScales, lowScales, nibbleMask } from './tile'
import { store2 } from './vectors'

/** The formats as type arguments, known when asc compiles. `isFloat` says whether a format has minima. */
export type Q4 = i32
export type Q4m = f32

/** Bytes of a tile. */
export function tileBytes<F>(): usize {
  return isFloat<F>() ? TileBytes.q4m : TileBytes.q4
}

/** Nibble of row r and column c of a tile. */
export function levelQ4<F>(tile: usize, r: usize, c: usize): i32 {
  const byte = <i32>load<u8>(tile + (isFloat<F>() ? 32 : 16) + ((c >> 3) << 5) + (r << 2) + (c & 3))
  return c & 4 ? byte >> 4 : byte & 15
}

/** Bands `first` and `second` with one activation row. */
export function tileQ4x1<F>(
  first: usize,
  second: usize,
  columns: usize,
  record: usize,
  firstOut: usize,
  secondOut: usize,
): void {
  if (ASC_FEATURE_SIMD) {
    const LEVELS: usize = isFloat<F>() ? 32 : 16
    const blocks = columns >> 5
    let narrow = record
    let wide = record + columns
    let scale = record + 3 * columns
    const sums = blocks << 2
    const mask = nibbleMask(columns)
    const nibble = i16x8.splat(15 + <i16>(columns & 31))
    let total0 = f32x4.splat(0)
    let total1 = f32x4.splat(0)
    let total2 = f32x4.splat(0)
    let total3 = f32x4.splat(0)
    for (
      let b: usize = 0;
      b < blocks;
      b++, first += tileBytes<F>(), second += tileBytes<F>(), narrow += 32, wide += 64, scale += 4
    ) {
      let dot0: v128
      let dot1: v128
      let dot2: v128
      let dot3: v128
      if (ASC_FEATURE_RELAXED_SIMD) {
        let pairs0 = i16x8.splat(0)
        let pairs1 = i16x8.splat(0)
        let pairs2 = i16x8.splat(0)
        let pairs3 = i16x8.splat(0)
        // Tested at the end, because V8 only hoists out of a loop that it knows to run at least once (1.05 times as
        // fast).
        let g: usize = 0
        do {
          const low = v128.load32_splat(narrow + (g >> 2))
          const high = v128.load32_splat(narrow + (g >> 2), 4)
          let w0 = v128.load(first + g, LEVELS)
          let w1 = v128.load(first + g, LEVELS + 16)
          pairs0 = addLow(pairs0, low, w0, mask)
          pairs1 = addLow(pairs1, low, w1, mask)
          pairs0 = addHigh(pairs0, high, w0, mask)
          pairs1 = addHigh(pairs1, high, w1, mask)
          w0 = v128.load(second + g, LEVELS)
          w1 = v128.load(second + g, LEVELS + 16)
          pairs2 = addLow(pairs2, low, w0, mask)
          pairs3 = addLow(pairs3, low, w1, mask)
          pairs2 = addHigh(pairs2, high, w0, mask)
          pairs3 = addHigh(pairs3, high, w1, mask)
          g += 32
        } while (g < 128)
        dot0 = i32x4.extadd_pairwise_i16x8_s(pairs0)
        dot1 = i32x4.extadd_pairwise_i16x8_s(pairs1)
        dot2 = i32x4.extadd_pairwise_i16x8_s(pairs2)
        dot3 = i32x4.extadd_pairwise_i16x8_s(pairs3)
      } else {
        dot0 = i32x4.splat(0)
        dot1 = i32x4.splat(0)
        dot2 = i32x4.splat(0)
        dot3 = i32x4.splat(0)
        for (let g: usize = 0; g < 128; g += 32) {
          let w0 = v128.load(first + g, LEVELS)
          let w1 = v128.load(first + g, LEVELS + 16)
          let w2 = v128.load(second + g, LEVELS)
          let w3 = v128.load(second + g, LEVELS + 16)
          for (let k: usize = 0; k < 16; k += 4) {
            const a = v128.load32_splat(wide + (g >> 1) + k)
            dot0 = i32x4.add(dot0, i32x4.dot_i16x8_s(v128.and(w0, nibble), a))
            dot1 = i32x4.add(dot1, i32x4.dot_i16x8_s(v128.and(w1, nibble), a))
            dot2 = i32x4.add(dot2, i32x4.dot_i16x8_s(v128.and(w2, nibble), a))
            dot3 = i32x4.add(dot3, i32x4.dot_i16x8_s(v128.and(w3, nibble), a))
            w0 = i16x8.shr_u(w0, 4)
            w1 = i16x8.shr_u(w1, 4)
            w2 = i16x8.shr_u(w2, 4)
            w3 = i16x8.shr_u(w3, 4)
          }
        }
      }
      const s = v128.load32_splat(scale)
      const sum = sumOf<F>(scale + sums, scale)
      total0 = addTile<F>(total0, dot0, lowScales(first), s, lowMinima<F>(first), sum)
      total1 = addTile<F>(total1, dot1, highScales(first), s, highMinima<F>(first), sum)
      total2 = addTile<F>(total2, dot2, lowScales(second), s, lowMinima<F>(second), sum)
      total3 = addTile<F>(total3, dot3, highScales(second), s, highMinima<F>(second), sum)
    }
    store2(firstOut, total0, total1)
    store2(secondOut, total2, total3)
  } else {
    scalarQ4<F>(first, columns, record, firstOut)
    scalarQ4<F>(second, columns, record, secondOut)
  }
}

/** One band with one activation row, without vectors. */
function scalarQ4<F>(weights: usize, columns: usize, record: usize, out: usize): void {
  const blocks = columns >> 5
  const scale = record + 3 * columns
  for (let r: usize = 0; r < 8; r++) {
    let total: f32 = 0
    for (let b: usize = 0; b < blocks; b++) {
      const tile = weights + b * tileBytes<F>()
      let dot = 0
      for (let c: usize = 0; c < 32; c++) dot += levelQ4<F>(tile, r, c) * <i32>load<i8>(record + (b << 5) + c)
      const scaleW = reinterpret<f32>((<u32>load<u16>(tile + (r << 1))) << 16)
      const scaleA = load<f32>(scale + (b << 2))
      const negative = load<i32>(scale + (blocks << 2) + (b << 2))
      if (isFloat<F>()) {
        const minimum = reinterpret<f32>((<u32>load<u16>(tile + (r << 1), 16)) << 16)
        total += <f32>dot * (scaleW * scaleA) + minimum * (<f32>negative * (scaleA * <f32>-0.125))
      } else {
        total += <f32>(dot + negative) * (scaleW * scaleA)
      }
    }
    store<f32>(out + (r << 2), total)
  }
}

/** One band with four rows. Only the plain and scalar tiers use it (relaxed: tile-q4-pair.ts). */
export function tileQ4x4<F>(
  weights: usize,
  columns: usize,
  ra: usize,
  rb: usize,
  rc: usize,
  rd: usize,
  outA: usize,
  outB: usize,
  outC: usize,
  outD: usize,
): void {
  if (ASC_FEATURE_SIMD) {
    const LEVELS: usize = isFloat<F>() ? 32 : 16
    const blocks = columns >> 5
    const nibble = i16x8.splat(15 + <i16>(columns & 31))
    const sums = blocks << 2
    let scale = 3 * columns
    let aTotal0 = f32x4.splat(0)
    let aTotal1 = f32x4.splat(0)
    let bTotal0 = f32x4.splat(0)
    let bTotal1 = f32x4.splat(0)
    let cTotal0 = f32x4.splat(0)
    let cTotal1 = f32x4.splat(0)
    let dTotal0 = f32x4.splat(0)
    let dTotal1 = f32x4.splat(0)
    for (let b: usize = 0; b < blocks; b++, weights += tileBytes<F>(), scale += 4) {
      let a0 = i32x4.splat(0)
      let a1 = i32x4.splat(0)
      let b0 = i32x4.splat(0)
      let b1 = i32x4.splat(0)
      let c0 = i32x4.splat(0)
      let c1 = i32x4.splat(0)
      let d0 = i32x4.splat(0)
      let d1 = i32x4.splat(0)
      for (let g: usize = 0; g < 4; g++) {
        let w0 = v128.load(weights + (g << 5), LEVELS)
        let w1 = v128.load(weights + (g << 5), LEVELS + 16)
        for (let k: usize = 0; k < 4; k++) {
          const n0 = v128.and(w0, nibble)
          const n1 = v128.and(w1, nibble)
          const p = columns + (b << 6) + (g << 4) + (k << 2)
          let x = v128.load32_splat(ra + p)
          a0 = i32x4.add(a0, i32x4.dot_i16x8_s(n0, x))
          a1 = i32x4.add(a1, i32x4.dot_i16x8_s(n1, x))
          x = v128.load32_splat(rb + p)
          b0 = i32x4.add(b0, i32x4.dot_i16x8_s(n0, x))
          b1 = i32x4.add(b1, i32x4.dot_i16x8_s(n1, x))
          x = v128.load32_splat(rc + p)
          c0 = i32x4.add(c0, i32x4.dot_i16x8_s(n0, x))
          c1 = i32x4.add(c1, i32x4.dot_i16x8_s(n1, x))
          x = v128.load32_splat(rd + p)
          d0 = i32x4.add(d0, i32x4.dot_i16x8_s(n0, x))
          d1 = i32x4.add(d1, i32x4.dot_i16x8_s(n1, x))
          w0 = i16x8.shr_u(w0, 4)
          w1 = i16x8.shr_u(w1, 4)
        }
      }
      const s0 = lowScales(weights)
      const s1 = highScales(weights)
      const m0 = lowMinima<F>(weights)
      const m1 = highMinima<F>(weights)
      let s = v128.load32_splat(ra + scale)
      let sum = sumOf<F>(ra + scale + sums, ra + scale)
      aTotal0 = addTile<F>(aTotal0, a0, s0, s, m0, sum)
      aTotal1 = addTile<F>(aTotal1, a1, s1, s, m1, sum)
      s = v128.load32_splat(rb + scale)
      sum = sumOf<F>(rb + scale + sums, rb + scale)
      bTotal0 = addTile<F>(bTotal0, b0, s0, s, m0, sum)
      bTotal1 = addTile<F>(bTotal1, b1, s1, s, m1, sum)
      s = v128.load32_splat(rc + scale)
      sum = sumOf<F>(rc + scale + sums, rc + scale)
      cTotal0 = addTile<F>(cTotal0, c0, s0, s, m0, sum)
      cTotal1 = addTile<F>(cTotal1, c1, s1, s, m1, sum)
      s = v128.load32_splat(rd + scale)
      sum = sumOf<F>(rd + scale + sums, rd + scale)
      dTotal0 = addTile<F>(dTotal0, d0, s0, s, m0, sum)
      dTotal1 = addTile<F>(dTotal1, d1, s1, s, m1, sum)
    }
    store2(outA, aTotal0, aTotal1)
    store2(outB, bTotal0, bTotal1)
    store2(outC, cTotal0, cTotal1)
    store2(outD, dTotal0, dTotal1)
  } else {
    scalarQ4<F>(weights, columns, ra, outA)
    scalarQ4<F>(weights, columns, rb, outB)
    scalarQ4<F>(weights, columns, rc, outC)
    scalarQ4<F>(weights, columns, rd, outD)
  }
}

/** Minima of rows 0-3 of a tile, or nothing. */
export function lowMinima<F>(tile: usize): v128 {
  return isFloat<F>() ? i32x4.shl(v128.load_ext<u16>(tile, 16), 16) : i32x4.splat(0)
}

/** Minima of rows 4-7. */
export function highMinima<F>(tile: usize): v128 {
  return isFloat<F>() ? i32x4.shl(v128.load_ext<u16>(tile, 24), 16) : i32x4.splat(0)
}

/** The share of a block's sum of activations: in q4 -8 times it, against the zero point; in q4m the sum itself, scaled. */
export function sumOf<F>(negative: usize, scale: usize): v128 {
  if (!isFloat<F>()) return v128.load32_splat(negative)
  return f32x4.splat(<f32>load<i32>(negative) * (load<f32>(scale) * <f32>-0.125))
}

/** total + (dot + sum) * (weight scale * activation scale) in q4, total + (dot * scales + minimum * sum) in q4m. */
export function addTile<F>(total: v128, dot: v128, weightScale: v128, scale: v128, minimum: v128, sum: v128): v128 {
  if (!isFloat<F>()) return addScaled(total, i32x4.add(dot, sum), weightScale, scale)
  const product = f32x4.mul(f32x4.convert_i32x4_s(dot), f32x4.mul(weightScale, scale))
  return f32x4.add(total, f32x4.add(product, f32x4.mul(minimum, sum)))
}

function addLow(sum: v128, activations: v128, weights: v128, mask: v128): v128 {
  return addPairs(sum, activations, v128.and(weights, mask))
}

function addHigh(sum: v128, activations: v128, weights: v128, mask: v128): v128 {
  return addPairs(sum, activations, v128.and(i16x8.shr_u(weights, 4), mask))
}
