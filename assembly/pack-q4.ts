/*
 * One 4-bit tile (tile-q4.ts) from 32 columns of 8 floats.
 *
 * The scale of a row is the one of a few candidates whose levels l explain most of the block. For given levels the best
 * scale is s = sum x l / sum l^2, and the squared error that it leaves is sum x^2 - (sum x l)^2 / sum l^2. A candidate
 * puts the largest magnitude on a level from 6.8 to 9.2 on the negative side, which has one level more than the
 * positive side; the scale is negative if that magnitude is positive. (Trying both signs, or levels in finer steps,
 * lowers the squared error by 0.1 %.) The scale is rounded to bfloat16, and the levels are computed again for the
 * rounded scale. Bit-identical in all tiers.
 */
import { fromBfloat16, toBfloat16 } from './half'
import { inverseOf, storeScales4 } from './pack-q8'

export const CANDIDATES: i32 = 9

/** Added to a float of magnitude below 2^22, it leaves the nearest integer plus 8 in the low bits of the sum. */
const ROUND_8: f32 = 12582920

/** Rows without a larger magnitude count as zeros: their levels would be infinite. */
export const TINY: f32 = 1e-36

/** Level on which candidate i puts the largest magnitude. */
export function place(i: i32): f32 {
  return <f32>6.8 + <f32>0.3 * <f32>i
}

export function packQ4(tile: usize, columns: usize): void {
  if (ASC_FEATURE_SIMD) {
    packRows4(tile, 0, columns)
    packRows4(tile, 1, columns + 16)
  } else {
    for (let r: usize = 0; r < 8; r++) packRow(tile, r, columns + (r << 2))
  }
}

function packRow(tile: usize, r: usize, row: usize): void {
  const bits = toBfloat16(bestScale(row))
  const inverse = inverseOf(fromBfloat16(bits))
  store<u16>(tile + (r << 1), bits)
  for (let byte: usize = 0; byte < 16; byte++) {
    const x = row + ((byte >> 2) << 8) + ((byte & 3) << 5)
    const low = level(load<f32>(x), inverse) + <f32>8
    const high = level(load<f32>(x, 128), inverse) + <f32>8
    store<u8>(tile + ((byte >> 2) << 5) + (r << 2) + (byte & 3), <u8>low | ((<u8>high) << 4), 16)
  }
}

/*
 * Bounds are applied by comparison, as pmin and pmax do: one instruction each. WebAssembly's min and max, which order
 * zeros and propagate NaN, take half a dozen.
 */
function level(x: f32, inverse: f32): f32 {
  const rounded = nearest<f32>(x * inverse)
  const bounded = rounded < -8 ? <f32>-8 : rounded
  return <f32>7 < bounded ? <f32>7 : bounded
}

/** Factor that brings the largest magnitude of a row to level -1. */
export function unitOf(row: usize): f32 {
  let most: f32 = 0
  let least: f32 = 0
  for (let c: usize = 0; c < 1024; c += 32) {
    most = max<f32>(most, load<f32>(row + c))
    least = min<f32>(least, load<f32>(row + c))
  }
  const largest = most > -least ? -most : -least
  return abs<f32>(largest) > TINY ? <f32>1 / largest : <f32>0
}

/** Least-squares scale of one row, whose floats are 32 bytes apart. */
function bestScale(row: usize): f32 {
  const unit = unitOf(row)
  let best: f32 = -1
  let scale: f32 = 0
  for (let i = 0; i < CANDIDATES; i++) {
    const inverse = unit * place(i)
    let xl: f32 = 0
    let ll: f32 = 0
    for (let c: usize = 0; c < 1024; c += 32) {
      const x = load<f32>(row + c)
      const l = level(x, inverse)
      xl += x * l
      ll += l * l
    }
    const s = xl * inverseOf(ll)
    const explained = s * xl
    if (explained > best) {
      best = explained
      scale = s
    }
  }
  return scale
}

/*
 * The vector forms loop with `do ... while`: V8 moves invariant code out of a loop only if the body runs at least once.
 * As `for` loops they divided again for every three columns, and took more than twice as long.
 */

/** packRow for four neighbouring rows, one per lane. */
function packRows4(tile: usize, half: usize, columns: usize): void {
  const inverse = storeScales4(tile + (half << 3), bestScales4(columns))
  let target = tile + 16 + (half << 4)
  let x = columns
  do {
    // Columns 0-3 are the low nibbles of the four bytes of a lane, columns 4-7 the high ones.
    const byte0 = byte4(x, inverse)
    const byte1 = i32x4.shl(byte4(x + 32, inverse), 8)
    const byte2 = i32x4.shl(byte4(x + 64, inverse), 16)
    const byte3 = i32x4.shl(byte4(x + 96, inverse), 24)
    v128.store(target, v128.or(v128.or(byte0, byte1), v128.or(byte2, byte3)))
    target += 32
    x += 256
  } while (x < columns + 1024)
}

/** Columns x and x + 4 as the low and high nibble of a byte in each lane. */
function byte4(x: usize, inverse: v128): v128 {
  const low = f32x4.add(bounded4(f32x4.mul(v128.load(x), inverse)), f32x4.splat(ROUND_8))
  const high = f32x4.add(bounded4(f32x4.mul(v128.load(x, 128), inverse)), f32x4.splat(ROUND_8))
  return v128.or(v128.and(low, i32x4.splat(15)), v128.and(i32x4.shl(high, 4), i32x4.splat(240)))
}

/** -8 to 7; -8 for NaN, whose nibble is also 0 in the scalar form. */
function bounded4(x: v128): v128 {
  return f32x4.pmin(f32x4.pmax(f32x4.splat(-8), x), f32x4.splat(7))
}

/** inverseOf of four numbers. */
export function inverseOf4(x: v128): v128 {
  return v128.andnot(f32x4.div(f32x4.splat(1), x), f32x4.eq(x, f32x4.splat(0)))
}

/** bestScale of four rows, with three candidates side by side, the most that fit the registers. */
function bestScales4(columns: usize): v128 {
  const end = columns + 1024
  const unit = units4(columns)
  let best = f32x4.splat(-1)
  let scale = f32x4.splat(0)
  let i = 0
  do {
    const inverse0 = f32x4.mul(unit, f32x4.splat(place(i)))
    const inverse1 = f32x4.mul(unit, f32x4.splat(place(i + 1)))
    const inverse2 = f32x4.mul(unit, f32x4.splat(place(i + 2)))
    let xl0 = f32x4.splat(0)
    let xl1 = f32x4.splat(0)
    let xl2 = f32x4.splat(0)
    let ll0 = f32x4.splat(0)
    let ll1 = f32x4.splat(0)
    let ll2 = f32x4.splat(0)
    let c = columns
    do {
      const x = v128.load(c)
      let l0 = f32x4.nearest(f32x4.mul(x, inverse0))
      let l1 = f32x4.nearest(f32x4.mul(x, inverse1))
      let l2 = f32x4.nearest(f32x4.mul(x, inverse2))
      // No weight exceeds the level of the largest, which is below 7.5 for the first three candidates and below 8.5 for
      // the next.
      if (i >= 3) {
        l0 = f32x4.pmin(l0, f32x4.splat(7))
        l1 = f32x4.pmin(l1, f32x4.splat(7))
        l2 = f32x4.pmin(l2, f32x4.splat(7))
      }
      if (i >= 6) {
        l0 = f32x4.pmax(l0, f32x4.splat(-8))
        l1 = f32x4.pmax(l1, f32x4.splat(-8))
        l2 = f32x4.pmax(l2, f32x4.splat(-8))
      }
      xl0 = f32x4.add(xl0, f32x4.mul(x, l0))
      xl1 = f32x4.add(xl1, f32x4.mul(x, l1))
      xl2 = f32x4.add(xl2, f32x4.mul(x, l2))
      ll0 = f32x4.add(ll0, f32x4.mul(l0, l0))
      ll1 = f32x4.add(ll1, f32x4.mul(l1, l1))
      ll2 = f32x4.add(ll2, f32x4.mul(l2, l2))
      c += 32
    } while (c < end)
    const s0 = f32x4.mul(xl0, inverseOf4(ll0))
    const s1 = f32x4.mul(xl1, inverseOf4(ll1))
    const s2 = f32x4.mul(xl2, inverseOf4(ll2))
    const explained0 = f32x4.mul(s0, xl0)
    const explained1 = f32x4.mul(s1, xl1)
    const explained2 = f32x4.mul(s2, xl2)
    scale = v128.bitselect(s0, scale, f32x4.gt(explained0, best))
    best = f32x4.pmax(best, explained0)
    scale = v128.bitselect(s1, scale, f32x4.gt(explained1, best))
    best = f32x4.pmax(best, explained1)
    scale = v128.bitselect(s2, scale, f32x4.gt(explained2, best))
    best = f32x4.pmax(best, explained2)
    i += 3
  } while (i < CANDIDATES)
  return scale
}

/** Factor that brings the largest magnitude of each of four rows to level -1. */
export function units4(columns: usize): v128 {
  const end = columns + 1024
  let most = f32x4.splat(0)
  let least = f32x4.splat(0)
  let c = columns
  do {
    most = f32x4.pmax(most, v128.load(c))
    least = f32x4.pmin(least, v128.load(c))
    c += 32
  } while (c < end)
  const depth = f32x4.neg(least)
  const largest = v128.bitselect(f32x4.neg(most), depth, f32x4.gt(most, depth))
  return v128.and(f32x4.div(f32x4.splat(1), largest), f32x4.gt(f32x4.abs(largest), f32x4.splat(TINY)))
}
