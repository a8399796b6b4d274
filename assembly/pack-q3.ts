/*
 * One 3-bit tile (tile-q3.ts) from 32 columns of 8 floats, with the scales of best-scale.ts, rounded to bfloat16; the
 * levels are computed again for the rounded scales. Bit-identical in all tiers.
 */
import { bestScale, levelOf } from './best-scale'
import { fromBfloat16, toBfloat16 } from './half'
import { inverseOf } from './pack-q8'

const ZERO: f32 = 4
const TOP: f32 = 7

export function packQ3(tile: usize, columns: usize, weights: usize): void {
  for (let r: usize = 0; r < 8; r++) packRow(tile, r, columns + (r << 2), weights)
}

function packRow(tile: usize, r: usize, row: usize, weights: usize): void {
  const bits = toBfloat16(bestScale(row, weights, ZERO, TOP, 3.2, 0.25, 9))
  const inverse = inverseOf(fromBfloat16(bits))
  store<u16>(tile + (r << 1), bits)
  for (let j: usize = 0; j < 4; j++) {
    const x = row + (j << 5)
    const six = level(x + 768, inverse)
    const seven = level(x + 896, inverse)
    const to = tile + (r << 2) + j
    store<u8>(to, level(x, inverse) | (level(x + 128, inverse) << 3) | (six << 6), 16)
    store<u8>(
      to,
      level(x + 256, inverse) | (level(x + 384, inverse) << 3) | ((six >> 2) << 6) | ((seven >> 2) << 7),
      48,
    )
    store<u8>(to, level(x + 512, inverse) | (level(x + 640, inverse) << 3) | (seven << 6), 80)
  }
}

function level(x: usize, inverse: f32): u32 {
  return <u32>levelOf(load<f32>(x), inverse, ZERO, TOP)
}
