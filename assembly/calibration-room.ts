/*
 * State of 8 rows of a calibrated block (pack-calibrated.ts), in the room of a thread, and the arithmetic of levels.
 *
 * The room has the errors of the weights, their levels and the gradients g = H e, each MOMENT_COLUMNS columns of 8
 * floats. Then come the scales, 8 floats for each tile: the tile that begins with column c has its at SCALES + c.
 */
import { MOMENT_COLUMNS } from '../src/kernels/abi/products'

/** Bytes of a column of 8 rows of floats. */
export const COLUMN: usize = 32
/** Offsets of the parts of the room after the errors. */
export const LEVELS: usize = MOMENT_COLUMNS * COLUMN
export const GRADIENTS: usize = 2 * LEVELS
export const SCALES: usize = 3 * LEVELS

/** Denominators below it count as zero. */
const TINY: f32 = 1e-30

/** Level of x: from -top - 1 to top. */
export function level1(top: f32, x: f32): f32 {
  const rounded = nearest<f32>(x)
  const least: f32 = -1 - top
  const bounded = <f32>least < rounded ? rounded : least
  return top < bounded ? top : bounded
}

/** level1 of four numbers. */
export function level4(top: f32, x: v128): v128 {
  return f32x4.pmin(f32x4.pmax(f32x4.splat(<f32>-1 - top), f32x4.nearest(x)), f32x4.splat(top))
}

/** 1 / x, or 0 if x is about 0. */
export function inverse1(x: f32): f32 {
  return abs<f32>(x) > TINY ? <f32>1 / x : <f32>0
}

/** inverse1 of four numbers. */
export function inverse4(x: v128): v128 {
  return v128.and(f32x4.div(f32x4.splat(1), x), f32x4.gt(f32x4.abs(x), f32x4.splat(TINY)))
}
