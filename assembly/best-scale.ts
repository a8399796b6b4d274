/*
 * Least-squares scale of a row of a tile, for formats whose weights are scale * (n - zero) with levels n from 0 to `top`.
 *
 * For given levels l = n - zero and weights w of the columns the best scale is s = sum w x l / sum w l^2, and the squared
 * error that it leaves is sum w x^2 - (sum w x l)^2 / sum w l^2. Of a few candidates the one whose levels explain most
 * is chosen. Candidate i puts the largest magnitude on level -(place + i * step), on the side that reaches further; the
 * scale is negative if that magnitude is positive.
 *
 * columns: 32 columns of 8 floats; a row's floats are 32 bytes apart. weights: 32 floats, 0 for padding.
 * Bit-identical in all tiers.
 */
import { inverseOf4, TINY, units4 } from './pack-q4'
import { inverseOf } from './pack-q8'

/** Level of x: 0 to `top`. Bounds are applied by comparison, as pmin and pmax do; a NaN has level 0. */
export function levelOf(x: f32, inverse: f32, zero: f32, top: f32): f32 {
  const rounded = nearest<f32>(x * inverse + zero)
  const bounded = <f32>0 < rounded ? rounded : <f32>0
  return top < bounded ? top : bounded
}

export function bestScale(
  row: usize,
  weights: usize,
  zero: f32,
  top: f32,
  place: f32,
  step: f32,
  candidates: i32,
): f32 {
  let most: f32 = 0
  let least: f32 = 0
  for (let c: usize = 0; c < 1024; c += 32) {
    const x = load<f32>(row + c)
    most = most < x ? x : most
    least = x < least ? x : least
  }
  const largest = most > -least ? -most : -least
  const unit = abs<f32>(largest) > TINY ? <f32>1 / largest : <f32>0
  // Zeros, or damaged: the inverse of infinity.
  if (unit == 0) return 0
  let best: f32 = -1
  let scale: f32 = 0
  for (let i = 0; i < candidates; i++) {
    const inverse = unit * (place + <f32>i * step)
    let xl: f32 = 0
    let ll: f32 = 0
    for (let c: usize = 0; c < 32; c++) {
      const x = load<f32>(row + (c << 5))
      const w = load<f32>(weights + (c << 2))
      const l = levelOf(x, inverse, zero, top) - zero
      xl += x * w * l
      ll += l * w * l
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

/* The vector forms take four neighbouring rows, one per lane. They loop with `do ... while` for V8, see pack-q4.ts. */

/** levelOf of four numbers. */
export function levels4(x: v128, inverse: v128, zero: f32, top: f32): v128 {
  const rounded = f32x4.nearest(f32x4.add(f32x4.mul(x, inverse), f32x4.splat(zero)))
  return f32x4.pmin(f32x4.pmax(f32x4.splat(0), rounded), f32x4.splat(top))
}

/** bestScale of four rows. */
export function bestScales4(
  rows: usize,
  weights: usize,
  zero: f32,
  top: f32,
  place: f32,
  step: f32,
  candidates: i32,
): v128 {
  const end = rows + 1024
  const unit = units4(rows)
  let best = f32x4.splat(-1)
  let scale = f32x4.splat(0)
  for (let i = 0; i < candidates; i++) {
    const inverse = f32x4.mul(unit, f32x4.splat(place + <f32>i * step))
    let xl = f32x4.splat(0)
    let ll = f32x4.splat(0)
    let c = rows
    let weight = weights
    do {
      const x = v128.load(c)
      const w = v128.load32_splat(weight)
      const l = f32x4.sub(levels4(x, inverse, zero, top), f32x4.splat(zero))
      xl = f32x4.add(xl, f32x4.mul(f32x4.mul(x, w), l))
      ll = f32x4.add(ll, f32x4.mul(f32x4.mul(l, w), l))
      c += 32
      weight += 4
    } while (c < end)
    const s = f32x4.mul(xl, inverseOf4(ll))
    const explained = f32x4.mul(s, xl)
    scale = v128.bitselect(s, scale, f32x4.gt(explained, best))
    best = f32x4.pmax(best, explained)
  }
  return v128.and(scale, f32x4.ne(unit, f32x4.splat(0)))
}
