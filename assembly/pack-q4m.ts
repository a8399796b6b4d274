/*
 * One 4-bit tile with minima (tile-q4m.ts) from 32 columns of 8 floats.
 *
 * Scale and minimum of a row come from the candidate, of a few, whose levels n explain most of the block: for levels
 * and weights w of the columns they are the regression of x on n. A candidate puts the smallest x on level `low` and
 * the largest on 15 - `high`; its regression gives levels again, and these a second regression. Numbers count from the
 * middle of the row's range, for precision. Scale and minimum are rounded to bfloat16, and the levels are computed
 * again for the rounded ones.
 *
 * weights: 32 floats, 0 for padding. Bit-identical in all tiers.
 */
import { levelOf, levels4 } from './best-scale'
import { fromBfloat16, toBfloat16 } from './half'
import { inverseOf4, TINY } from './pack-q4'
import { inverseOf, storeScales4 } from './pack-q8'

const TOP: f32 = 15

/** Distances of the smallest and largest number from the outer levels. */
const DISTANCES: i32 = 3
const DISTANCE: f32 = 0.45

/** Scale and minimum that the search has found for a row. */
let scale: f32 = 0
let minimum: f32 = 0

export function packQ4m(tile: usize, columns: usize, weights: usize): void {
  if (ASC_FEATURE_SIMD) {
    packRows4(tile, 0, columns, weights)
    packRows4(tile, 1, columns + 16, weights)
  } else {
    for (let r: usize = 0; r < 8; r++) packRow(tile, r, columns + (r << 2), weights)
  }
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
  minimum = sumW > 0 && range < Infinity ? middle : <f32>0
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

/* The vector forms take four neighbouring rows, one per lane. They loop with `do ... while` for V8, see pack-q4.ts. */

/** packRow for four rows. */
function packRows4(tile: usize, half: usize, columns: usize, weights: usize): void {
  const inverse = storeScales4(tile + (half << 3), search4(columns, weights, tile + 16 + (half << 3)))
  const from = i32x4.shl(v128.load_ext<u16>(tile + 16 + (half << 3)), 16)
  let target = tile + 32 + (half << 4)
  let x = columns
  do {
    const byte0 = byte4(x, from, inverse)
    const byte1 = i32x4.shl(byte4(x + 32, from, inverse), 8)
    const byte2 = i32x4.shl(byte4(x + 64, from, inverse), 16)
    const byte3 = i32x4.shl(byte4(x + 96, from, inverse), 24)
    v128.store(target, v128.or(v128.or(byte0, byte1), v128.or(byte2, byte3)))
    target += 32
    x += 256
  } while (x < columns + 1024)
}

/** Columns x and x + 4 as the low and high nibble of a byte in each lane. */
function byte4(x: usize, from: v128, inverse: v128): v128 {
  const low = levels4(f32x4.sub(v128.load(x), from), inverse, 0, TOP)
  const high = levels4(f32x4.sub(v128.load(x, 128), from), inverse, 0, TOP)
  return v128.or(i32x4.trunc_sat_f32x4_s(low), i32x4.shl(i32x4.trunc_sat_f32x4_s(high), 4))
}

/** search of four rows. Stores their minima, and returns their scales. */
function search4(columns: usize, weights: usize, minima: usize): v128 {
  const end = columns + 1024
  let most = f32x4.splat(-Infinity)
  let least = f32x4.splat(Infinity)
  let total: f32 = 0
  let c = columns
  let weight = weights
  do {
    const w = load<f32>(weight)
    if (w > 0) {
      const x = v128.load(c)
      most = f32x4.pmax(most, x)
      least = f32x4.pmin(least, x)
    }
    total += w
    c += 32
    weight += 4
  } while (c < end)
  const sumW = f32x4.splat(total)
  const inverseW = f32x4.splat(inverseOf(total))
  const range = f32x4.sub(most, least)
  const unit = v128.and(f32x4.div(f32x4.splat(1), range), f32x4.gt(range, f32x4.splat(TINY)))
  const isWide = f32x4.gt(unit, f32x4.splat(0))
  const middle = v128.bitselect(f32x4.add(least, f32x4.mul(range, f32x4.splat(0.5))), least, isWide)
  const first = f32x4.sub(least, middle)
  let best = f32x4.splat(-1)
  let scale = f32x4.splat(0)
  let minimum = v128.and(middle, f32x4.lt(range, f32x4.splat(total > 0 ? Infinity : 0)))
  for (let i = 0; i < DISTANCES; i++) {
    for (let k = 0; k < DISTANCES; k++) {
      const low = <f32>i * DISTANCE
      let inverse = f32x4.mul(unit, f32x4.splat(TOP - low - <f32>k * DISTANCE))
      let from = f32x4.sub(first, f32x4.mul(f32x4.splat(low), inverseOf4(inverse)))
      for (let pass = 0; pass < 2; pass++) {
        let sumX = f32x4.splat(0)
        let sumN = f32x4.splat(0)
        let sumXN = f32x4.splat(0)
        let sumNN = f32x4.splat(0)
        c = columns
        weight = weights
        do {
          const x = f32x4.sub(v128.load(c), middle)
          const w = v128.load32_splat(weight)
          const n = levels4(f32x4.sub(x, from), inverse, 0, TOP)
          const wx = f32x4.mul(w, x)
          const wn = f32x4.mul(w, n)
          sumX = f32x4.add(sumX, wx)
          sumN = f32x4.add(sumN, wn)
          sumXN = f32x4.add(sumXN, f32x4.mul(wx, n))
          sumNN = f32x4.add(sumNN, f32x4.mul(wn, n))
          c += 32
          weight += 4
        } while (c < end)
        const covariance = f32x4.sub(f32x4.mul(sumW, sumXN), f32x4.mul(sumN, sumX))
        const variance = f32x4.sub(f32x4.mul(sumW, sumNN), f32x4.mul(sumN, sumN))
        const s = f32x4.mul(covariance, inverseOf4(variance))
        from = f32x4.mul(f32x4.sub(sumX, f32x4.mul(s, sumN)), inverseW)
        inverse = inverseOf4(s)
        const explained = f32x4.add(f32x4.mul(s, sumXN), f32x4.mul(from, sumX))
        const isBetter = f32x4.gt(explained, best)
        scale = v128.bitselect(s, scale, isBetter)
        minimum = v128.bitselect(f32x4.add(from, middle), minimum, isBetter)
        best = f32x4.pmax(best, explained)
      }
    }
  }
  storeScales4(minima, minimum)
  return scale
}
