/*
 * Start of a calibrated block (pack-calibrated.ts): scales and levels for errors that count one by one, each by the second
 * moment of its column. As in pack-q4.ts, a scale is the best of a few candidates.
 */
import { TILE_COLUMNS } from '../src/kernels/abi/formats'
import { COLUMN, inverse1, inverse4, LEVELS, level1, level4 } from './calibration-room'
import { fromBfloat16, toBfloat16, toBfloat16x4 } from './half'
import { placeQ3 } from './pack-q3'
import { CANDIDATES, place, unitOf, units4 } from './pack-q4'

/**
 * Scales and levels of a tile of weights, which become their errors. `h` is the address of H[c][c] for its first column
 * c, and `step` the bytes from there to the next. As in pack-q4.ts, a scale is the best of a few candidates; here the
 * squares of errors count by H[c][c].
 */
export function beginTile(top: f32, weights: usize, scales: usize, h: usize, step: usize): void {
  if (ASC_FEATURE_SIMD) {
    for (let half: usize = 0; half < COLUMN; half += 16) {
      const scale = i32x4.shl(toBfloat16x4(firstScales(top, weights + half, h, step)), 16)
      v128.store(scales + half, scale)
      const inverse = inverse4(scale)
      for (let x = weights + half; x < weights + half + TILE_COLUMNS * COLUMN; x += COLUMN) {
        const level = level4(top, f32x4.mul(v128.load(x), inverse))
        v128.store(x + LEVELS, level)
        v128.store(x, f32x4.sub(v128.load(x), f32x4.mul(level, scale)))
      }
    }
  } else {
    for (let r: usize = 0; r < COLUMN; r += 4) {
      const scale = fromBfloat16(toBfloat16(firstScale(top, weights + r, h, step)))
      store<f32>(scales + r, scale)
      const inverse = inverse1(scale)
      for (let x = weights + r; x < weights + r + TILE_COLUMNS * COLUMN; x += COLUMN) {
        const level = level1(top, load<f32>(x) * inverse)
        store<f32>(x + LEVELS, level)
        store<f32>(x, load<f32>(x) - level * scale)
      }
    }
  }
}

function firstScales(top: f32, weights: usize, h: usize, step: usize): v128 {
  const unit = units4(weights)
  let best = f32x4.splat(-1)
  let scale = f32x4.splat(0)
  for (let i = 0; i < CANDIDATES; i++) {
    const inverse = f32x4.mul(unit, f32x4.splat(placeOf(top, i)))
    let xl = f32x4.splat(0)
    let ll = f32x4.splat(0)
    for (let c: usize = 0; c < <usize>TILE_COLUMNS; c++) {
      const x = v128.load(weights + c * COLUMN)
      const level = level4(top, f32x4.mul(x, inverse))
      const weighted = f32x4.mul(v128.load32_splat(h + c * step), level)
      xl = f32x4.add(xl, f32x4.mul(x, weighted))
      ll = f32x4.add(ll, f32x4.mul(level, weighted))
    }
    const candidate = f32x4.mul(xl, inverse4(ll))
    const explained = f32x4.mul(candidate, xl)
    scale = v128.bitselect(candidate, scale, f32x4.gt(explained, best))
    best = f32x4.pmax(best, explained)
  }
  return scale
}

function firstScale(top: f32, weights: usize, h: usize, step: usize): f32 {
  const unit = unitOf(weights)
  let best: f32 = -1
  let scale: f32 = 0
  for (let i = 0; i < CANDIDATES; i++) {
    const inverse = unit * placeOf(top, i)
    let xl: f32 = 0
    let ll: f32 = 0
    for (let c: usize = 0; c < <usize>TILE_COLUMNS; c++) {
      const x = load<f32>(weights + c * COLUMN)
      const level = level1(top, x * inverse)
      const weighted = load<f32>(h + c * step) * level
      xl += x * weighted
      ll += level * weighted
    }
    const candidate = xl * inverse1(ll)
    const explained = candidate * xl
    if (explained > best) {
      best = explained
      scale = candidate
    }
  }
  return scale
}

/** Level on which candidate i of a tile's scales puts the largest magnitude. */
function placeOf(top: f32, i: i32): f32 {
  return top == 3 ? placeQ3(i) : place(i)
}
