/*
 * Product of MXFP4 weights with one or four quantised activation rows.
 *
 * A band has the tiles of tile-q4.ts, with the nibbles in the same order, but a nibble is a 4-bit float: sign, two bits
 * of exponent, one of fraction. Its values, doubled, are the integers of `doubled`, and weight = scale * doubled. The
 * scale is a power of two, so a tile holds MXFP4 weights without loss.
 * record: activations as in quantize.ts. out: 8 floats per band, overwritten.
 *
 * A table lookup (swizzle) turns 16 nibbles at once into doubled + 16, from 4 to 28: the relaxed dot is exact everywhere
 * if one operand has 7 bits. Twice the record's -8 * sum removes the 16.
 * relaxed: eight products as in tile-q4.ts would exceed 16 bits (a pair is at most 2 * 127 * 28 = 7112), so the pairs of
 *   each 8 columns are widened.
 * plain: nibbles in lanes of 16 bits, in the order of the int16 copy of the activations, as in tile-q4.ts.
 * out = sum over tiles of (scale_w * scale_a) * integer dot, tile after tile: the integers are the same in all tiers,
 * and so is every bit of the result. Two bands at once for one activation row: see tile-q4.ts.
 */
import { TileBytes } from '../src/kernels/abi/formats'
import { nibbleMask } from './tile-q4'
import { addScaled } from './tile-q8'

const TILE: usize = TileBytes.mxfp4

/** Twice the value of a nibble: 0, 1, 2, 3, 4, 6, 8, 12, and the same with a minus sign. */
export function doubled(nibble: i32): i32 {
  const bits = nibble & 7
  const size = bits < 4 ? bits : ((bits & 1) | 2) << ((bits >> 1) - 1)
  return nibble & 8 ? -size : size
}

/**
 * doubled + 16, by nibble. `columns` is a multiple of 32 and adds nothing; it keeps V8 from loading a constant again at
 * each use (see nibbleMask).
 */
export function raisedLevels(columns: usize): v128 {
  const levels = i8x16(16, 17, 18, 19, 20, 22, 24, 28, 16, 15, 14, 13, 12, 10, 8, 4)
  return i8x16.add(levels, i8x16.splat(<i8>(columns & 31)))
}

/** Bands `first` and `second` with one activation row. */
export function tileMxfp4x1(
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
    const levels = raisedLevels(columns)
    const nibble = i16x8.splat(15 + <i16>(columns & 31))
    const byte = i16x8.splat(255)
    let total0 = f32x4.splat(0)
    let total1 = f32x4.splat(0)
    let total2 = f32x4.splat(0)
    let total3 = f32x4.splat(0)
    for (let b: usize = 0; b < blocks; b++, first += TILE, second += TILE, narrow += 32, wide += 64, scale += 4) {
      const zero = raisedBy(scale + sums)
      let dot0 = zero
      let dot1 = zero
      let dot2 = zero
      let dot3 = zero
      if (ASC_FEATURE_RELAXED_SIMD) {
        // Tested at the end for V8, see tile-q4.ts.
        let g: usize = 0
        do {
          const low = v128.load32_splat(narrow + (g >> 2))
          const high = v128.load32_splat(narrow + (g >> 2), 4)
          const w0 = v128.load(first + g, 16)
          const w1 = v128.load(first + g, 32)
          dot0 = addEight(dot0, low, high, lowLevels(levels, w0, mask), highLevels(levels, w0, mask))
          dot1 = addEight(dot1, low, high, lowLevels(levels, w1, mask), highLevels(levels, w1, mask))
          const w2 = v128.load(second + g, 16)
          const w3 = v128.load(second + g, 32)
          dot2 = addEight(dot2, low, high, lowLevels(levels, w2, mask), highLevels(levels, w2, mask))
          dot3 = addEight(dot3, low, high, lowLevels(levels, w3, mask), highLevels(levels, w3, mask))
          g += 32
        } while (g < 128)
      } else {
        for (let g: usize = 0; g < 128; g += 32) {
          let w0 = v128.load(first + g, 16)
          let w1 = v128.load(first + g, 32)
          let w2 = v128.load(second + g, 16)
          let w3 = v128.load(second + g, 32)
          for (let k: usize = 0; k < 16; k += 4) {
            const a = v128.load32_splat(wide + (g >> 1) + k)
            dot0 = i32x4.add(dot0, i32x4.dot_i16x8_s(wideLevels(levels, w0, nibble, byte), a))
            dot1 = i32x4.add(dot1, i32x4.dot_i16x8_s(wideLevels(levels, w1, nibble, byte), a))
            dot2 = i32x4.add(dot2, i32x4.dot_i16x8_s(wideLevels(levels, w2, nibble, byte), a))
            dot3 = i32x4.add(dot3, i32x4.dot_i16x8_s(wideLevels(levels, w3, nibble, byte), a))
            w0 = i16x8.shr_u(w0, 4)
            w1 = i16x8.shr_u(w1, 4)
            w2 = i16x8.shr_u(w2, 4)
            w3 = i16x8.shr_u(w3, 4)
          }
        }
      }
      const s = v128.load32_splat(scale)
      total0 = addScaled(total0, dot0, i32x4.shl(v128.load_ext<u16>(first), 16), s)
      total1 = addScaled(total1, dot1, i32x4.shl(v128.load_ext<u16>(first, 8), 16), s)
      total2 = addScaled(total2, dot2, i32x4.shl(v128.load_ext<u16>(second), 16), s)
      total3 = addScaled(total3, dot3, i32x4.shl(v128.load_ext<u16>(second, 8), 16), s)
    }
    v128.store(firstOut, total0)
    v128.store(firstOut, total1, 16)
    v128.store(secondOut, total2)
    v128.store(secondOut, total3, 16)
  } else {
    scalarMxfp4(first, columns, record, firstOut)
    scalarMxfp4(second, columns, record, secondOut)
  }
}

/** One band with one activation row, without vectors. */
function scalarMxfp4(weights: usize, columns: usize, record: usize, out: usize): void {
  const blocks = columns >> 5
  const scale = record + 3 * columns
  for (let r: usize = 0; r < 8; r++) {
    let total: f32 = 0
    for (let b: usize = 0; b < blocks; b++) {
      const tile = weights + b * TILE
      let dot = 0
      for (let c: usize = 0; c < 32; c++) {
        const byte = load<u8>(tile + 16 + ((c >> 3) << 5) + (r << 2) + (c & 3))
        const nibble = c & 4 ? byte >> 4 : byte & 15
        dot += doubled(nibble) * <i32>load<i8>(record + (b << 5) + c)
      }
      const scaleW = reinterpret<f32>((<u32>load<u16>(tile + (r << 1))) << 16)
      total += <f32>dot * (scaleW * load<f32>(scale + (b << 2)))
    }
    store<f32>(out + (r << 2), total)
  }
}

/** One band with four rows. */
export function tileMxfp4x4(
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
    const sums = blocks << 2
    const mask = nibbleMask(columns)
    const levels = raisedLevels(columns)
    const nibble = i16x8.splat(15 + <i16>(columns & 31))
    const byte = i16x8.splat(255)
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
      let a0 = raisedBy(ra + scale + sums)
      let a1 = a0
      let b0 = raisedBy(rb + scale + sums)
      let b1 = b0
      let c0 = raisedBy(rc + scale + sums)
      let c1 = c0
      let d0 = raisedBy(rd + scale + sums)
      let d1 = d0
      if (ASC_FEATURE_RELAXED_SIMD) {
        let g: usize = 0
        do {
          const w0 = v128.load(weights + g, 16)
          const w1 = v128.load(weights + g, 32)
          const low0 = lowLevels(levels, w0, mask)
          const low1 = lowLevels(levels, w1, mask)
          const high0 = highLevels(levels, w0, mask)
          const high1 = highLevels(levels, w1, mask)
          const p = (b << 5) + (g >> 2)
          let low = v128.load32_splat(ra + p)
          let high = v128.load32_splat(ra + p, 4)
          a0 = addEight(a0, low, high, low0, high0)
          a1 = addEight(a1, low, high, low1, high1)
          low = v128.load32_splat(rb + p)
          high = v128.load32_splat(rb + p, 4)
          b0 = addEight(b0, low, high, low0, high0)
          b1 = addEight(b1, low, high, low1, high1)
          low = v128.load32_splat(rc + p)
          high = v128.load32_splat(rc + p, 4)
          c0 = addEight(c0, low, high, low0, high0)
          c1 = addEight(c1, low, high, low1, high1)
          low = v128.load32_splat(rd + p)
          high = v128.load32_splat(rd + p, 4)
          d0 = addEight(d0, low, high, low0, high0)
          d1 = addEight(d1, low, high, low1, high1)
          g += 32
        } while (g < 128)
      } else {
        for (let g: usize = 0; g < 4; g++) {
          let w0 = v128.load(weights + (g << 5), 16)
          let w1 = v128.load(weights + (g << 5), 32)
          for (let k: usize = 0; k < 4; k++) {
            const n0 = wideLevels(levels, w0, nibble, byte)
            const n1 = wideLevels(levels, w1, nibble, byte)
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
      }
      const s0 = i32x4.shl(v128.load_ext<u16>(weights), 16)
      const s1 = i32x4.shl(v128.load_ext<u16>(weights, 8), 16)
      let s = v128.load32_splat(ra + scale)
      aTotal0 = addScaled(aTotal0, a0, s0, s)
      aTotal1 = addScaled(aTotal1, a1, s1, s)
      s = v128.load32_splat(rb + scale)
      bTotal0 = addScaled(bTotal0, b0, s0, s)
      bTotal1 = addScaled(bTotal1, b1, s1, s)
      s = v128.load32_splat(rc + scale)
      cTotal0 = addScaled(cTotal0, c0, s0, s)
      cTotal1 = addScaled(cTotal1, c1, s1, s)
      s = v128.load32_splat(rd + scale)
      dTotal0 = addScaled(dTotal0, d0, s0, s)
      dTotal1 = addScaled(dTotal1, d1, s1, s)
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
    scalarMxfp4(weights, columns, ra, outA)
    scalarMxfp4(weights, columns, rb, outB)
    scalarMxfp4(weights, columns, rc, outC)
    scalarMxfp4(weights, columns, rd, outD)
  }
}

/** -16 * sum of a block of activations, from the record's -8 * sum: removes what raisedLevels adds. */
function raisedBy(sum: usize): v128 {
  const half = v128.load32_splat(sum)
  return i32x4.add(half, half)
}

/** Adds the products of 8 columns; `low` are the activations of the first four, `high` of the last four. */
function addEight(sum: v128, low: v128, high: v128, lowWeights: v128, highWeights: v128): v128 {
  return i32x4.add(
    sum,
    i32x4.extadd_pairwise_i16x8_s(
      i16x8.add(i16x8.relaxed_dot_i8x16_i7x16_s(low, lowWeights), i16x8.relaxed_dot_i8x16_i7x16_s(high, highWeights)),
    ),
  )
}

/** Levels of the low nibbles: an index is below 16, so that a relaxed lookup is exact. */
export function lowLevels(levels: v128, weights: v128, mask: v128): v128 {
  return i8x16.relaxed_swizzle(levels, v128.and(weights, mask))
}

export function highLevels(levels: v128, weights: v128, mask: v128): v128 {
  return i8x16.relaxed_swizzle(levels, v128.and(i16x8.shr_u(weights, 4), mask))
}

/** Levels of the lowest nibble of each 16-bit lane, as 16-bit integers. */
function wideLevels(levels: v128, weights: v128, nibble: v128, byte: v128): v128 {
  return v128.and(i8x16.swizzle(levels, v128.and(weights, nibble)), byte)
}
