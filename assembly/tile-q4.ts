/*
 * Product of 4-bit weights with one or four quantised activation rows.
 *
 * A band is the tiles of a group of 8 rows of weights, 144 B per tile of 32 columns: 8 bfloat16 scales, then for each
 * 8 columns two vectors, rows 0-3 and rows 4-7; byte j (0..3) of a row's lane has column j in its low and column 4 + j
 * in its high nibble. weight = scale * (nibble - 8).
 * record: activations as in quantize.ts. out: 8 floats per band, overwritten.
 *
 * relaxed: i16x8.relaxed_dot multiplies int8 activations by nibbles (0..15, so the instruction is exact everywhere) and
 *   adds pairs. A pair is at most 2 * 127 * 15 = 3810; the 8 pairs of a tile stay below 2^15, so one widening per tile is
 *   enough. Four int8 of the activation are one 32-bit splat, shared by all rows.
 * plain: a lane of 16 bits holds 4 nibbles; shifted and masked it is already a 16-bit integer, and i32x4.dot_i16x8_s
 *   takes it directly. Nibble k of the two lanes of a row are columns (0,2), (4,6), (1,3), (5,7) for k = 0..3, hence the
 *   order of the int16 copy of the activations.
 * The record's -8 * sum removes the zero point. out = sum over tiles of (scale_w * scale_a) * integer dot, tile
 * after tile: the integers are the same in all tiers, and so is every bit of the result.
 *
 * One activation row is multiplied with two bands at once (chosen in matmul.ts): their two streams of memory are
 * fetched side by side, and each splat serves both.
 */
import { TileBytes } from '../src/kernels/abi/formats'
import { addScaled } from './tile-q8'

const TILE: usize = TileBytes.q4

/** Bands `first` and `second` with one activation row. */
export function tileQ4x1(
  first: usize,
  second: usize,
  columns: usize,
  record: usize,
  firstOut: usize,
  secondOut: usize,
): void {
  if (ASC_FEATURE_SIMD) {
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
    for (let b: usize = 0; b < blocks; b++, first += TILE, second += TILE, narrow += 32, wide += 64, scale += 4) {
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
          let w0 = v128.load(first + g, 16)
          let w1 = v128.load(first + g, 32)
          pairs0 = addLow(pairs0, low, w0, mask)
          pairs1 = addLow(pairs1, low, w1, mask)
          pairs0 = addHigh(pairs0, high, w0, mask)
          pairs1 = addHigh(pairs1, high, w1, mask)
          w0 = v128.load(second + g, 16)
          w1 = v128.load(second + g, 32)
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
          let w0 = v128.load(first + g, 16)
          let w1 = v128.load(first + g, 32)
          let w2 = v128.load(second + g, 16)
          let w3 = v128.load(second + g, 32)
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
      const zero = v128.load32_splat(scale + sums)
      const s = v128.load32_splat(scale)
      total0 = addScaled(total0, i32x4.add(dot0, zero), i32x4.shl(v128.load_ext<u16>(first), 16), s)
      total1 = addScaled(total1, i32x4.add(dot1, zero), i32x4.shl(v128.load_ext<u16>(first, 8), 16), s)
      total2 = addScaled(total2, i32x4.add(dot2, zero), i32x4.shl(v128.load_ext<u16>(second), 16), s)
      total3 = addScaled(total3, i32x4.add(dot3, zero), i32x4.shl(v128.load_ext<u16>(second, 8), 16), s)
    }
    v128.store(firstOut, total0)
    v128.store(firstOut, total1, 16)
    v128.store(secondOut, total2)
    v128.store(secondOut, total3, 16)
  } else {
    scalarQ4(first, columns, record, firstOut)
    scalarQ4(second, columns, record, secondOut)
  }
}

/** One band with one activation row, without vectors. */
function scalarQ4(weights: usize, columns: usize, record: usize, out: usize): void {
  const blocks = columns >> 5
  const scale = record + 3 * columns
  for (let r: usize = 0; r < 8; r++) {
    let total: f32 = 0
    for (let b: usize = 0; b < blocks; b++) {
      const tile = weights + b * TILE
      let dot = load<i32>(scale + (blocks << 2) + (b << 2))
      for (let c: usize = 0; c < 32; c++) {
        const byte = load<u8>(tile + 16 + ((c >> 3) << 5) + (r << 2) + (c & 3))
        const nibble = c & 4 ? byte >> 4 : byte & 15
        dot += <i32>nibble * <i32>load<i8>(record + (b << 5) + c)
      }
      const scaleW = reinterpret<f32>((<u32>load<u16>(tile + (r << 1))) << 16)
      total += <f32>dot * (scaleW * load<f32>(scale + (b << 2)))
    }
    store<f32>(out + (r << 2), total)
  }
}

/** One band with four rows. Only the plain and scalar tiers use it (relaxed: tile-q4-pair.ts). */
export function tileQ4x4(
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
    for (let b: usize = 0; b < blocks; b++, weights += TILE, scale += 4) {
      let a0 = i32x4.splat(0)
      let a1 = i32x4.splat(0)
      let b0 = i32x4.splat(0)
      let b1 = i32x4.splat(0)
      let c0 = i32x4.splat(0)
      let c1 = i32x4.splat(0)
      let d0 = i32x4.splat(0)
      let d1 = i32x4.splat(0)
      for (let g: usize = 0; g < 4; g++) {
        let w0 = v128.load(weights + (g << 5), 16)
        let w1 = v128.load(weights + (g << 5), 32)
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
      const s0 = i32x4.shl(v128.load_ext<u16>(weights), 16)
      const s1 = i32x4.shl(v128.load_ext<u16>(weights, 8), 16)
      let s = v128.load32_splat(ra + scale)
      let zero = v128.load32_splat(ra + scale + sums)
      aTotal0 = addScaled(aTotal0, i32x4.add(a0, zero), s0, s)
      aTotal1 = addScaled(aTotal1, i32x4.add(a1, zero), s1, s)
      s = v128.load32_splat(rb + scale)
      zero = v128.load32_splat(rb + scale + sums)
      bTotal0 = addScaled(bTotal0, i32x4.add(b0, zero), s0, s)
      bTotal1 = addScaled(bTotal1, i32x4.add(b1, zero), s1, s)
      s = v128.load32_splat(rc + scale)
      zero = v128.load32_splat(rc + scale + sums)
      cTotal0 = addScaled(cTotal0, i32x4.add(c0, zero), s0, s)
      cTotal1 = addScaled(cTotal1, i32x4.add(c1, zero), s1, s)
      s = v128.load32_splat(rd + scale)
      zero = v128.load32_splat(rd + scale + sums)
      dTotal0 = addScaled(dTotal0, i32x4.add(d0, zero), s0, s)
      dTotal1 = addScaled(dTotal1, i32x4.add(d1, zero), s1, s)
    }
    v128.store(outA, aTotal0)
    v128.store(outA, aTotal1, 16)
    v128.store(outB, bTotal0)
    v128.store(outB, bTotal1, 16)
    v128.store(outC, cTotal0)
    v128.store(outC, cTotal1, 16)
    v128.store(outD, dTotal0)
    v128.store(outD, dTotal1, 16)
  } else {
    scalarQ4(weights, columns, ra, outA)
    scalarQ4(weights, columns, rb, outB)
    scalarQ4(weights, columns, rc, outC)
    scalarQ4(weights, columns, rd, outD)
  }
}

/**
 * 15 in every byte. `columns` is a multiple of 32, so it adds nothing; but newer V8 versions would load a mask that
 * they knew to be constant again at each use, which costs half of the speed.
 */
export function nibbleMask(columns: usize): v128 {
  return i8x16.splat(15 + <i8>(columns & 31))
}

export function addPairs(sum: v128, activations: v128, nibbles: v128): v128 {
  return i16x8.add(sum, i16x8.relaxed_dot_i8x16_i7x16_s(activations, nibbles))
}

function addLow(sum: v128, activations: v128, weights: v128, mask: v128): v128 {
  return addPairs(sum, activations, v128.and(weights, mask))
}

function addHigh(sum: v128, activations: v128, weights: v128, mask: v128): v128 {
  return addPairs(sum, activations, v128.and(i16x8.shr_u(weights, 4), mask))
}
