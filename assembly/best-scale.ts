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
import { inverseOf } from './pack-q8'

/** Rows without a larger magnitude count as zeros: their levels would be infinite. */
export const TINY: f32 = 1e-36

/**
 * Level of x: 0 to `top`. Bounds are applied by comparison, as pmin and pmax do; a NaN has level 0.
 */
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
