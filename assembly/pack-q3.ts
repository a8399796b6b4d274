/*
 * One 3-bit tile (tile-q3.ts) from 32 columns of 8 floats, with the scales of best-scale.ts, rounded to bfloat16; the
 * levels are computed again for the rounded scales. Bit-identical in all tiers.
 */
import { bestScale, bestScales4, levelOf, levels4 } from './best-scale'
import { fromBfloat16, toBfloat16 } from './half'
import { inverseOf, storeScales4 } from './pack-q8'

const ZERO: f32 = 4
const TOP: f32 = 7

/** Levels on which the largest magnitude is tried. */
const PLACE: f32 = 3.2
const STEP: f32 = 0.25
const CANDIDATES: i32 = 9

export function packQ3(tile: usize, columns: usize, weights: usize): void {
  if (ASC_FEATURE_SIMD) {
    packRows4(tile, 0, columns, weights)
    packRows4(tile, 1, columns + 16, weights)
  } else {
    for (let r: usize = 0; r < 8; r++) packRow(tile, r, columns + (r << 2), weights)
  }
}

function packRow(tile: usize, r: usize, row: usize, weights: usize): void {
  const bits = toBfloat16(bestScale(row, weights, ZERO, TOP, PLACE, STEP, CANDIDATES))
  const inverse = inverseOf(fromBfloat16(bits))
  store<u16>(tile + (r << 1), bits)
  for (let j: usize = 0; j < 4; j++) {
    const x = row + (j << 5)
    for (let c: usize = 0; c < 1024; c += 128) store<f32>(x + c, levelOf(load<f32>(x + c), inverse, ZERO, TOP))
    storeQ3(tile + (r << 2) + j, x)
  }
}

/** Writes the levels 0 to 7 of the columns 0, 4, 8 .. from `x` on to three bytes of a tile. */
export function storeQ3(to: usize, x: usize): void {
  const six = levelAt(x, 24)
  const seven = levelAt(x, 28)
  store<u8>(to, levelAt(x, 0) | (levelAt(x, 4) << 3) | (six << 6), 16)
  store<u8>(to, levelAt(x, 8) | (levelAt(x, 12) << 3) | ((six >> 2) << 6) | ((seven >> 2) << 7), 48)
  store<u8>(to, levelAt(x, 16) | (levelAt(x, 20) << 3) | (seven << 6), 80)
}

function levelAt(x: usize, column: usize): u32 {
  return <u32>load<f32>(x + (column << 5))
}

/** Level on which candidate i of a scale puts the largest magnitude. */
export function placeQ3(i: i32): f32 {
  return PLACE + <f32>i * STEP
}

/** packRow for four neighbouring rows, one per lane. */
function packRows4(tile: usize, half: usize, columns: usize, weights: usize): void {
  const scales = bestScales4(columns, weights, ZERO, TOP, PLACE, STEP, CANDIDATES)
  const inverse = storeScales4(tile + (half << 3), scales)
  const target = tile + 16 + (half << 4)
  let a = i32x4.splat(0)
  let b = i32x4.splat(0)
  let c = i32x4.splat(0)
  // From the last byte of each lane to the first.
  let x = columns + 96
  do {
    const six = level4(x + 768, inverse)
    const seven = level4(x + 896, inverse)
    a = i32x4.shl(a, 8)
    b = i32x4.shl(b, 8)
    c = i32x4.shl(c, 8)
    a = v128.or(a, v128.or(twoLevels(x, inverse), high(i32x4.shl(six, 6), 0xc0)))
    b = v128.or(b, v128.or(twoLevels(x + 256, inverse), high(i32x4.shl(six, 4), 0x40)))
    b = v128.or(b, high(i32x4.shl(seven, 5), 0x80))
    c = v128.or(c, v128.or(twoLevels(x + 512, inverse), high(i32x4.shl(seven, 6), 0xc0)))
    x -= 32
  } while (x >= columns)
  v128.store(target, a)
  v128.store(target, b, 32)
  v128.store(target, c, 64)
}

function high(bits: v128, mask: i32): v128 {
  return v128.and(bits, i32x4.splat(mask))
}

/** Levels of columns x and x + 4 in the bits 0 to 5 of each lane. */
function twoLevels(x: usize, inverse: v128): v128 {
  return v128.or(level4(x, inverse), i32x4.shl(level4(x + 128, inverse), 3))
}

function level4(x: usize, inverse: v128): v128 {
  return i32x4.trunc_sat_f32x4_s(levels4(v128.load(x), inverse, ZERO, TOP))
}
