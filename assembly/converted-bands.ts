/*
 * Bands of weights in the format of another product, which multiplies them with the same bits. They are in scratch of the
 * thread (MatmulArg.widened, MatmulArg.unpacked) until its next two bands.
 */
import { WeightCode } from '../src/kernels/abi/formats'
import { MatmulArg } from '../src/kernels/abi/products'
import { arg, thread } from './control'
import { mxfp4Floats } from './mxfp4-floats'
import { bandBytes } from './tile-bytes'
import { widenTiles } from './widen-tiles'

/**
 * Minimum activation rows of a matrix for which the relaxed tier widens its q3 or q2 weights, by whether V8 fuses pairs
 * of vectors. It fuses the product of one row and not the widening.
 */
enum LeastWidened {
  unfused = 2,
  fused = 4,
}

/** Whether it pays to widen the q3 or q2 weights of a matrix for `count` activation rows. */
export function widens(count: u32): bool {
  if (!ASC_FEATURE_RELAXED_SIMD) return ASC_FEATURE_SIMD || count > 1
  return count >= <u32>(arg(MatmulArg.fuses) == 0 ? LeastWidened.unfused : LeastWidened.fused)
}

/** Widens two bands of q3 or q2 weights to 4 bits, one after the other; one if `apart` is 0. Returns their address. */
export function wideBands(format: u32, weights: usize, apart: usize, columns: usize): usize {
  const band = bandBytes(WeightCode.q4, columns)
  const wide: usize = arg(MatmulArg.widened) + thread * (band << 1)
  widenTiles(format, weights, columns, wide)
  if (apart != 0) widenTiles(format, weights + apart, columns, wide + band)
  return wide
}

/** Unpacks two bands of mxfp4 weights as floats, one after the other; one if `apart` is 0. Returns their address. */
export function floatBands(weights: usize, apart: usize, columns: usize): usize {
  const band = columns << 5
  const floats: usize = arg(MatmulArg.unpacked) + thread * (band << 1)
  mxfp4Floats(weights, columns, floats)
  if (apart != 0) mxfp4Floats(weights + apart, columns, floats + band)
  return floats
}
