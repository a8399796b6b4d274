/*
 * One 2-bit tile (tile-q2.ts) from 32 columns of 8 floats, with the scales of best-scale.ts, rounded to bfloat16; the
 * levels are computed again for the rounded scales. Weights are 4 * scale * (n - 1.75). Bit-identical in all tiers.
 */
import { bestScale, levelOf } from './best-scale'
import { fromBfloat16, toBfloat16 } from './half'
import { inverseOf } from './pack-q8'

const ZERO: f32 = 1.75
const TOP: f32 = 3

export function packQ2(tile: usize, columns: usize, weights: usize): void {
  for (let r: usize = 0; r < 8; r++) packRow(tile, r, columns + (r << 2), weights)
}

function packRow(tile: usize, r: usize, row: usize, weights: usize): void {
  const bits = toBfloat16(bestScale(row, weights, ZERO, TOP, 1.75, 0.25, 9) * <f32>0.25)
  const inverse = inverseOf(<f32>4 * fromBfloat16(bits))
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
