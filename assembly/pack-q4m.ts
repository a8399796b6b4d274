/*
 * One 4-bit tile with minima (tile-q4m.ts) from 32 columns of 8 floats.
 *
 * Scale and minimum of a row are those of a few candidates whose levels n explain most of the block: for given levels
 * and weights w of the columns they are the regression of x on n. A candidate puts the smallest x on level `low` and the
 * largest on 15 - `high`; its regression gives levels again, and these a second regression. Numbers count from the
 * middle of the row's range, for precision. Scale and minimum are rounded to bfloat16, and the levels are computed again
 * for the rounded ones.
 *
 * weights: 32 floats, 0 for padding. Bit-identical in all tiers.
 */
import { levelOf, TINY } from './best-scale'
import { fromBfloat16, toBfloat16 } from './half'
import { inverseOf } from './pack-q8'

const TOP: f32 = 15

/** Distances of the smallest and largest number from the outer levels. */
const DISTANCES: i32 = 3
const DISTANCE: f32 = 0.45

/** Scale and minimum that the search has found for a row. */
let scale: f32 = 0
let minimum: f32 = 0

export function packQ4m(tile: usize, columns: usize, weights: usize): void {
  for (let r: usize = 0; r < 8; r++) packRow(tile, r, columns + (r << 2), weights)
}

function packRow(tile: usize, r: usize, row: usize, weights: usize): void {
  search(row, weights)
  const scaleBits = toBfloat16(scale)
  const minimumBits = toBfloat16(minimum)
  const inverse = inverseOf(fromBfloat16(scaleBits))
  const from = fromBfloat16(minimumBits)
  store<u16>(tile + (r << 1), scaleBits)
  store<u16>(tile + (r << 1), minimumBits, 16)
  for (let byte: usize = 0; byte < 16; byte++) {
    const x = row + ((byte >> 2) << 8) + ((byte & 3) << 5)
    const low = <u32>levelOf(load<f32>(x) - from, inverse, 0, TOP)
    const high = <u32>levelOf(load<f32>(x, 128) - from, inverse, 0, TOP)
    store<u8>(tile + ((byte >> 2) << 5) + (r << 2) + (byte & 3), low | (high << 4), 32)
  }
}

/** Sets scale and minimum of a row. */
function search(row: usize, weights: usize): void {
  let most: f32 = -Infinity
  let least: f32 = Infinity
  let sumW: f32 = 0
  for (let c: usize = 0; c < 32; c++) {
    const w = load<f32>(weights + (c << 2))
    const x = load<f32>(row + (c << 5))
    if (w > 0) {
      most = most < x ? x : most
      least = x < least ? x : least
    }
    sumW += w
  }
  const range = most - least
  const unit = range > TINY ? <f32>1 / range : <f32>0
  const middle = unit > 0 ? least + range * <f32>0.5 : least
  const first = least - middle
  let best: f32 = -1
  scale = 0
  minimum = sumW > 0 ? middle : <f32>0
  for (let i = 0; i < DISTANCES; i++) {
    for (let k = 0; k < DISTANCES; k++) {
      const low = <f32>i * DISTANCE
      let inverse = unit * (TOP - low - <f32>k * DISTANCE)
      let from = first - low * inverseOf(inverse)
      for (let pass = 0; pass < 2; pass++) {
        let sumX: f32 = 0
        let sumN: f32 = 0
        let sumXN: f32 = 0
        let sumNN: f32 = 0
        for (let c: usize = 0; c < 32; c++) {
          const x = load<f32>(row + (c << 5)) - middle
          const w = load<f32>(weights + (c << 2))
          const n = levelOf(x - from, inverse, 0, TOP)
          sumX += w * x
          sumN += w * n
          sumXN += w * x * n
          sumNN += w * n * n
        }
        const s = (sumW * sumXN - sumN * sumX) * inverseOf(sumW * sumNN - sumN * sumN)
        from = (sumX - s * sumN) * inverseOf(sumW)
        inverse = inverseOf(s)
        const explained = s * sumXN + from * sumX
        if (explained > best) {
          best = explained
          scale = s
          minimum = from + middle
        }
      }
    }
  }
}
