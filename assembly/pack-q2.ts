/*
 * One 2-bit tile (tile-q2.ts) from 32 columns of 8 floats, with the scales of best-scale.ts, rounded to bfloat16; the
 * levels are computed again for the rounded scales. Weights are 4 * scale * (n - 1.75). Bit-identical in all tiers.
 */
import { bestScale, bestScales4, levelOf, levels4 } from './best-scale'
import { fromBfloat16, toBfloat16 } from './half'
import { inverseOf, storeScales4 } from './pack-q8'

const ZERO: f32 = 1.75
const TOP: f32 = 3

/** Levels on which the largest magnitude is tried. */
const PLACE: f32 = 1.75
const STEP: f32 = 0.25
const CANDIDATES: i32 = 9

export function packQ2(tile: usize, columns: usize, weights: usize): void {
  if (ASC_FEATURE_SIMD) {
    packRows4(tile, 0, columns, weights)
    packRows4(tile, 1, columns + 16, weights)
  } else {
    for (let r: usize = 0; r < 8; r++) packRow(tile, r, columns + (r << 2), weights)
  }
}

function packRow(tile: usize, r: usize, row: usize, weights: usize): void {
  const bits = toBfloat16(bestScale(row, weights, ZERO, TOP, PLACE, STEP, CANDIDATES) * <f32>0.25)
  const inverse = inverseOf(fromBfloat16(bits)) * <f32>0.25
  store<u16>(tile + (r << 1), bits)
  for (let byte: usize = 0; byte < 8; byte++) {
    const x = row + ((byte >> 2) << 9) + ((byte & 3) << 5)
    const low = level(x, inverse) | (level(x + 128, inverse) << 2)
    const high = level(x + 256, inverse) | (level(x + 384, inverse) << 2)
    store<u8>(tile + ((byte >> 2) << 5) + (r << 2) + (byte & 3), low | (high << 4), 16)
  }
}

function level(x: usize, inverse: f32): u32 {
  return <u32>levelOf(load<f32>(x), inverse, ZERO, TOP)
}

/** packRow for four neighbouring rows, one per lane. */
function packRows4(tile: usize, half: usize, columns: usize, weights: usize): void {
  const scales = bestScales4(columns, weights, ZERO, TOP, PLACE, STEP, CANDIDATES)
  const inverses = storeScales4(tile + (half << 3), f32x4.mul(scales, f32x4.splat(0.25)))
  const inverse = f32x4.mul(inverses, f32x4.splat(0.25))
  let target = tile + 16 + (half << 4)
  let x = columns
  do {
    const byte0 = byte4(x, inverse)
    const byte1 = i32x4.shl(byte4(x + 32, inverse), 8)
    const byte2 = i32x4.shl(byte4(x + 64, inverse), 16)
    const byte3 = i32x4.shl(byte4(x + 96, inverse), 24)
    v128.store(target, v128.or(v128.or(byte0, byte1), v128.or(byte2, byte3)))
    target += 32
    x += 512
  } while (x < columns + 1024)
}

/** Columns x, x + 4, x + 8 and x + 12 as two bits each of a byte in each lane. */
function byte4(x: usize, inverse: v128): v128 {
  const low = v128.or(level4(x, inverse), i32x4.shl(level4(x + 128, inverse), 2))
  const high = v128.or(level4(x + 256, inverse), i32x4.shl(level4(x + 384, inverse), 2))
  return v128.or(low, i32x4.shl(high, 4))
}

function level4(x: usize, inverse: v128): v128 {
  return i32x4.trunc_sat_f32x4_s(levels4(v128.load(x), inverse, ZERO, TOP))
}
