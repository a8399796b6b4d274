/*
 * Product of 4-bit weights that have a minimum for each row of a tile, with one or four quantised activation rows.
 *
 * A band is the tiles of a group of 8 rows of weights, 160 B per tile of 32 columns: 8 bfloat16 scales, 8 bfloat16
 * minima, then nibbles in the order of tile-q4.ts. weight = scale * nibble + minimum.
 * record: activations as in quantize.ts. out: 8 floats per band, overwritten.
 *
 * out = sum over tiles of ((scale_w * scale_a) * integer dot + minimum * sum of the activations), tile after tile. The
 * sum of the activations is the record's -8 * sum times -scale_a / 8. Every bit is the same in all tiers.
 */
import { TileBytes } from '../src/kernels/abi/formats'
import { addPairs, nibbleMask } from './tile-q4'

const TILE: usize = TileBytes.q4m

/** Nibble of row r and column c of a tile. */
export function levelQ4m(tile: usize, r: usize, c: usize): i32 {
  const byte = <i32>load<u8>(tile + 32 + ((c >> 3) << 5) + (r << 2) + (c & 3))
  return c & 4 ? byte >> 4 : byte & 15
}

/** Bands `first` and `second` with one activation row. */
export function tileQ4mx1(
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
        // Tested at the end for V8, see tile-q4.ts.
        let g: usize = 0
        do {
          const low = v128.load32_splat(narrow + (g >> 2))
          const high = v128.load32_splat(narrow + (g >> 2), 4)
          let w0 = v128.load(first + g, 32)
          let w1 = v128.load(first + g, 48)
          pairs0 = addPairs(pairs0, low, v128.and(w0, mask))
          pairs1 = addPairs(pairs1, low, v128.and(w1, mask))
          pairs0 = addPairs(pairs0, high, v128.and(i16x8.shr_u(w0, 4), mask))
          pairs1 = addPairs(pairs1, high, v128.and(i16x8.shr_u(w1, 4), mask))
          w0 = v128.load(second + g, 32)
          w1 = v128.load(second + g, 48)
          pairs2 = addPairs(pairs2, low, v128.and(w0, mask))
          pairs3 = addPairs(pairs3, low, v128.and(w1, mask))
          pairs2 = addPairs(pairs2, high, v128.and(i16x8.shr_u(w0, 4), mask))
          pairs3 = addPairs(pairs3, high, v128.and(i16x8.shr_u(w1, 4), mask))
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
          let w0 = v128.load(first + g, 32)
          let w1 = v128.load(first + g, 48)
          let w2 = v128.load(second + g, 32)
          let w3 = v128.load(second + g, 48)
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
      const sum = sumOf(scale + sums, scale)
      total0 = addTile(
        total0,
        dot0,
        i32x4.shl(v128.load_ext<u16>(first), 16),
        s,
        i32x4.shl(v128.load_ext<u16>(first, 16), 16),
        sum,
      )
      total1 = addTile(
        total1,
        dot1,
        i32x4.shl(v128.load_ext<u16>(first, 8), 16),
        s,
        i32x4.shl(v128.load_ext<u16>(first, 24), 16),
        sum,
      )
      total2 = addTile(
        total2,
        dot2,
        i32x4.shl(v128.load_ext<u16>(second), 16),
        s,
        i32x4.shl(v128.load_ext<u16>(second, 16), 16),
        sum,
      )
      total3 = addTile(
        total3,
        dot3,
        i32x4.shl(v128.load_ext<u16>(second, 8), 16),
        s,
        i32x4.shl(v128.load_ext<u16>(second, 24), 16),
        sum,
      )
    }
    v128.store(firstOut, total0)
    v128.store(firstOut, total1, 16)
    v128.store(secondOut, total2)
    v128.store(secondOut, total3, 16)
  } else {
    scalarQ4m(first, columns, record, firstOut)
    scalarQ4m(second, columns, record, secondOut)
  }
}

/** One band with one activation row, without vectors. */
function scalarQ4m(weights: usize, columns: usize, record: usize, out: usize): void {
  const blocks = columns >> 5
  const scale = record + 3 * columns
  for (let r: usize = 0; r < 8; r++) {
    let total: f32 = 0
    for (let b: usize = 0; b < blocks; b++) {
      const tile = weights + b * TILE
      let dot = 0
      for (let c: usize = 0; c < 32; c++) dot += levelQ4m(tile, r, c) * <i32>load<i8>(record + (b << 5) + c)
      const scaleW = reinterpret<f32>((<u32>load<u16>(tile + (r << 1))) << 16)
      const minimum = reinterpret<f32>((<u32>load<u16>(tile + (r << 1), 16)) << 16)
      const scaleA = load<f32>(scale + (b << 2))
      const sum = <f32>load<i32>(scale + (blocks << 2) + (b << 2)) * (scaleA * <f32>-0.125)
      total += <f32>dot * (scaleW * scaleA) + minimum * sum
    }
    store<f32>(out + (r << 2), total)
  }
}

/** One band with four rows. Only the plain and scalar tiers use it (relaxed: tile-q4m-pair.ts). */
export function tileQ4mx4(
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
        let w0 = v128.load(weights + (g << 5), 32)
        let w1 = v128.load(weights + (g << 5), 48)
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
      const m0 = i32x4.shl(v128.load_ext<u16>(weights, 16), 16)
      const m1 = i32x4.shl(v128.load_ext<u16>(weights, 24), 16)
      let s = v128.load32_splat(ra + scale)
      let sum = sumOf(ra + scale + sums, ra + scale)
      aTotal0 = addTile(aTotal0, a0, s0, s, m0, sum)
      aTotal1 = addTile(aTotal1, a1, s1, s, m1, sum)
      s = v128.load32_splat(rb + scale)
      sum = sumOf(rb + scale + sums, rb + scale)
      bTotal0 = addTile(bTotal0, b0, s0, s, m0, sum)
      bTotal1 = addTile(bTotal1, b1, s1, s, m1, sum)
      s = v128.load32_splat(rc + scale)
      sum = sumOf(rc + scale + sums, rc + scale)
      cTotal0 = addTile(cTotal0, c0, s0, s, m0, sum)
      cTotal1 = addTile(cTotal1, c1, s1, s, m1, sum)
      s = v128.load32_splat(rd + scale)
      sum = sumOf(rd + scale + sums, rd + scale)
      dTotal0 = addTile(dTotal0, d0, s0, s, m0, sum)
      dTotal1 = addTile(dTotal1, d1, s1, s, m1, sum)
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
    scalarQ4m(weights, columns, ra, outA)
    scalarQ4m(weights, columns, rb, outB)
    scalarQ4m(weights, columns, rc, outC)
    scalarQ4m(weights, columns, rd, outD)
  }
}

/** Sum of a block of activations, from the record's -8 * sum and scale. */
export function sumOf(sum: usize, scale: usize): v128 {
  return f32x4.splat(<f32>load<i32>(sum) * (load<f32>(scale) * <f32>-0.125))
}

/** total + (dot * (weight scale * activation scale) + minimum * sum). */
export function addTile(total: v128, dot: v128, weightScale: v128, scale: v128, minimum: v128, sum: v128): v128 {
  const product = f32x4.mul(f32x4.convert_i32x4_s(dot), f32x4.mul(weightScale, scale))
  return f32x4.add(total, f32x4.add(product, f32x4.mul(minimum, sum)))
}
