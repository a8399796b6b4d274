/*
 * One 4-bit tile (tile-q4.ts) from 32 columns of 8 floats.
 *
 * Scale of a row: of a few candidates, the one whose levels l explain most of the block. For given levels the best scale
 * is s = sum x l / sum l^2, and the squared error that it leaves is sum x^2 - (sum x l)^2 / sum l^2. A candidate puts the
 * largest magnitude on a level from 6.8 to 9.2 on the negative side, which has one level more than the positive; the
 * scale is negative where that magnitude is positive. (Trying both signs, or levels in finer steps, lowers the squared
 * error by 0.1 %.) The scale is rounded to bfloat16 and the levels taken anew for the rounded one.
 * Bit-identical in all tiers.
 */
import { fromBfloat16, toBfloat16 } from './half'
import { inverseOf, storeScales4 } from './pack-q8'

const CANDIDATES: i32 = 9

/** Level on which candidate i puts the largest magnitude. */
function place(i: i32): f32 {
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
 * Bounds are taken by comparison, as pmin and pmax do: one instruction each, where WebAssembly's min and max, which order
 * zeros and pass NaN on, are half a dozen.
 */
function level(x: f32, inverse: f32): f32 {
  const rounded = nearest<f32>(x * inverse)
  const bounded = rounded < -8 ? <f32>-8 : rounded
  return <f32>7 < bounded ? <f32>7 : bounded
}

/** Least-squares scale of one row, whose floats are 32 bytes apart. */
function bestScale(row: usize): f32 {
  let most: f32 = 0
  let least: f32 = 0
  for (let c: usize = 0; c < 1024; c += 32) {
    most = max<f32>(most, load<f32>(row + c))
    least = min<f32>(least, load<f32>(row + c))
  }
  const unit = most > -least ? -inverseOf(most) : inverseOf(-least)
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

/** packRow for four neighbouring rows, a lane each. */
function packRows4(tile: usize, half: usize, columns: usize): void {
  const inverse = storeScales4(tile + (half << 3), bestScales4(columns))
  const target = tile + 16 + (half << 4)
  for (let g: usize = 0; g < 4; g++) {
    const x = columns + (g << 8)
    let nibbles = i32x4.splat(0)
    // Columns 0-3 are the low nibbles of the four bytes of a lane, columns 4-7 the high ones.
    for (let c: i32 = 0; c < 4; c++) {
      const low = nibbles4(v128.load(x + (c << 5)), inverse)
      const high = nibbles4(v128.load(x + (c << 5), 128), inverse)
      nibbles = v128.or(nibbles, i32x4.shl(v128.or(low, i32x4.shl(high, 4)), c << 3))
    }
    v128.store(target + (g << 5), nibbles)
  }
}

function levels4(x: v128, inverse: v128): v128 {
  return f32x4.pmin(f32x4.pmax(f32x4.nearest(f32x4.mul(x, inverse)), f32x4.splat(-8)), f32x4.splat(7))
}

function nibbles4(x: v128, inverse: v128): v128 {
  return i32x4.trunc_sat_f32x4_s(f32x4.add(levels4(x, inverse), f32x4.splat(8)))
}

function inverseOf4(x: v128): v128 {
  return v128.andnot(f32x4.div(f32x4.splat(1), x), f32x4.eq(x, f32x4.splat(0)))
}

function bestScales4(columns: usize): v128 {
  let most = f32x4.splat(0)
  let least = f32x4.splat(0)
  for (let c: usize = 0; c < 1024; c += 32) {
    most = f32x4.max(most, v128.load(columns + c))
    least = f32x4.min(least, v128.load(columns + c))
  }
  const depth = f32x4.neg(least)
  const positive = f32x4.gt(most, depth)
  const unit = v128.bitselect(f32x4.neg(inverseOf4(most)), inverseOf4(depth), positive)
  let best = f32x4.splat(-1)
  let scale = f32x4.splat(0)
  for (let i = 0; i < CANDIDATES; i++) {
    const inverse = f32x4.mul(unit, f32x4.splat(place(i)))
    let xl = f32x4.splat(0)
    let ll = f32x4.splat(0)
    for (let c: usize = 0; c < 1024; c += 32) {
      const x = v128.load(columns + c)
      const l = levels4(x, inverse)
      xl = f32x4.add(xl, f32x4.mul(x, l))
      ll = f32x4.add(ll, f32x4.mul(l, l))
    }
    const s = f32x4.mul(xl, inverseOf4(ll))
    const explained = f32x4.mul(s, xl)
    const better = f32x4.gt(explained, best)
    best = v128.bitselect(explained, best, better)
    scale = v128.bitselect(s, scale, better)
  }
  return scale
}
