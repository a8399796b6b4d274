/*
 * Coordinate descent on the squared error e' H e of a calibrated block (pack-calibrated.ts): the levels of one column, or
 * the scales of one tile, become the best for all others, and the gradients follow. All functions compute 8 rows.
 *
 * moments: H of the block, `count` rows of `count` floats. c: a column; for scales, the first of a tile.
 */
import { TILE_COLUMNS } from '../src/kernels/abi/formats'
import { COLUMN, GRADIENTS, inverse1, inverse4, LEVELS, level1, level4, SCALES } from './calibration-room'
import { fromBfloat16, toBfloat16, toBfloat16x4 } from './half'

/** g = H e. */
export function multiply(moments: usize, count: usize, room: usize): void {
  let h = moments
  for (let i: usize = 0; i < count; i++) {
    const end = h + (count << 2)
    const g = room + GRADIENTS + i * COLUMN
    let e = room
    if (ASC_FEATURE_SIMD) {
      let sum0 = f32x4.splat(0)
      let sum1 = f32x4.splat(0)
      do {
        const factor = v128.load32_splat(h)
        sum0 = f32x4.add(sum0, f32x4.mul(factor, v128.load(e)))
        sum1 = f32x4.add(sum1, f32x4.mul(factor, v128.load(e, 16)))
        e += COLUMN
        h += 4
      } while (h < end)
      v128.store(g, sum0)
      v128.store(g, sum1, 16)
    } else {
      memory.fill(g, 0, COLUMN)
      for (; h < end; h += 4, e += COLUMN) {
        const factor = load<f32>(h)
        for (let r: usize = 0; r < COLUMN; r += 4) {
          store<f32>(g + r, load<f32>(g + r) + factor * load<f32>(e + r))
        }
      }
    }
  }
}

/** Gives column c its best levels. Returns whether any changed. */
export function improveLevel(top: f32, moments: usize, count: usize, c: usize, room: usize): bool {
  const h = moments + ((c * count) << 2)
  const own = load<f32>(h + (c << 2))
  const scales = room + SCALES + (c & ~31)
  const level = room + LEVELS + c * COLUMN
  const g = level + LEVELS
  if (ASC_FEATURE_SIMD) {
    const s0 = v128.load(scales)
    const s1 = v128.load(scales, 16)
    const old0 = v128.load(level)
    const old1 = v128.load(level, 16)
    const factor = f32x4.splat(own)
    const new0 = level4(top, f32x4.add(old0, f32x4.mul(v128.load(g), inverse4(f32x4.mul(factor, s0)))))
    const new1 = level4(top, f32x4.add(old1, f32x4.mul(v128.load(g, 16), inverse4(f32x4.mul(factor, s1)))))
    const step0 = f32x4.sub(old0, new0)
    const step1 = f32x4.sub(old1, new1)
    const isSame = f32x4.eq(v128.or(step0, step1), f32x4.splat(0))
    if (i32x4.all_true(isSame)) return false
    v128.store(level, new0)
    v128.store(level, new1, 16)
    const change0 = f32x4.mul(step0, s0)
    const change1 = f32x4.mul(step1, s1)
    const end = h + (count << 2)
    let p = h
    let at = room + GRADIENTS
    do {
      const factor = v128.load32_splat(p)
      v128.store(at, f32x4.add(v128.load(at), f32x4.mul(factor, change0)))
      v128.store(at, f32x4.add(v128.load(at, 16), f32x4.mul(factor, change1)), 16)
      at += COLUMN
      p += 4
    } while (p < end)
    return true
  }
  let isChanged = false
  for (let r: usize = 0; r < COLUMN; r += 4) {
    const scale = load<f32>(scales + r)
    const old = load<f32>(level + r)
    const best = level1(top, old + load<f32>(g + r) * inverse1(own * scale))
    if (best == old) continue
    isChanged = true
    store<f32>(level + r, best)
    const change = (old - best) * scale
    for (let j: usize = 0; j < count; j++) {
      const at = room + GRADIENTS + j * COLUMN + r
      store<f32>(at, load<f32>(at) + load<f32>(h + (j << 2)) * change)
    }
  }
  return isChanged
}

/** Gives the tile of column c its best scales. Returns whether any changed. Overwrites the errors. */
export function improveScales(moments: usize, count: usize, c: usize, room: usize): bool {
  const scales = room + SCALES + c
  const levels = room + LEVELS + c * COLUMN
  const changes = room
  if (ASC_FEATURE_SIMD) {
    const old0 = v128.load(scales)
    const old1 = v128.load(scales, 16)
    const new0 = bestScales(moments, count, c, levels, old0)
    const new1 = bestScales(moments, count, c, levels + 16, old1)
    const step0 = f32x4.sub(old0, new0)
    const step1 = f32x4.sub(old1, new1)
    if (i32x4.all_true(f32x4.eq(v128.or(step0, step1), f32x4.splat(0)))) return false
    v128.store(scales, new0)
    v128.store(scales, new1, 16)
    for (let i: usize = 0; i < <usize>TILE_COLUMNS * COLUMN; i += COLUMN) {
      v128.store(changes + i, f32x4.mul(step0, v128.load(levels + i)))
      v128.store(changes + i, f32x4.mul(step1, v128.load(levels + i, 16)), 16)
    }
    for (let j: usize = 0; j < count; j++) {
      const h = moments + ((j * count + c) << 2)
      const g = room + GRADIENTS + j * COLUMN
      let sum0 = v128.load(g)
      let sum1 = v128.load(g, 16)
      for (let i: usize = 0; i < <usize>TILE_COLUMNS; i++) {
        const factor = v128.load32_splat(h + (i << 2))
        sum0 = f32x4.add(sum0, f32x4.mul(factor, v128.load(changes + i * COLUMN)))
        sum1 = f32x4.add(sum1, f32x4.mul(factor, v128.load(changes + i * COLUMN, 16)))
      }
      v128.store(g, sum0)
      v128.store(g, sum1, 16)
    }
    return true
  }
  let isChanged = false
  for (let r: usize = 0; r < COLUMN; r += 4) {
    const old = load<f32>(scales + r)
    const best = bestScale(moments, count, c, levels + r, old)
    if (best == old) continue
    isChanged = true
    store<f32>(scales + r, best)
    const step = old - best
    for (let j: usize = 0; j < count; j++) {
      const h = moments + ((j * count + c) << 2)
      const g = room + GRADIENTS + j * COLUMN + r
      let sum = load<f32>(g)
      for (let i: usize = 0; i < <usize>TILE_COLUMNS; i++) {
        sum += load<f32>(h + (i << 2)) * (step * load<f32>(levels + i * COLUMN + r))
      }
      store<f32>(g, sum)
    }
  }
  return isChanged
}

/** Best scales of four rows of a tile, rounded to bfloat16. */
function bestScales(moments: usize, count: usize, c: usize, levels: usize, scales: v128): v128 {
  let gain = f32x4.splat(0)
  let weight = f32x4.splat(0)
  for (let i: usize = 0; i < <usize>TILE_COLUMNS; i++) {
    const level = v128.load(levels + i * COLUMN)
    const h = moments + (((c + i) * count + c) << 2)
    let product = f32x4.splat(0)
    for (let j: usize = 0; j < <usize>TILE_COLUMNS; j++) {
      product = f32x4.add(product, f32x4.mul(v128.load32_splat(h + (j << 2)), v128.load(levels + j * COLUMN)))
    }
    weight = f32x4.add(weight, f32x4.mul(level, product))
    gain = f32x4.add(gain, f32x4.mul(level, v128.load(levels + LEVELS + i * COLUMN)))
  }
  const best = f32x4.add(scales, f32x4.mul(gain, inverse4(weight)))
  return i32x4.shl(toBfloat16x4(best), 16)
}

function bestScale(moments: usize, count: usize, c: usize, levels: usize, scale: f32): f32 {
  let gain: f32 = 0
  let weight: f32 = 0
  for (let i: usize = 0; i < <usize>TILE_COLUMNS; i++) {
    const level = load<f32>(levels + i * COLUMN)
    const h = moments + (((c + i) * count + c) << 2)
    let product: f32 = 0
    for (let j: usize = 0; j < <usize>TILE_COLUMNS; j++)
      product += load<f32>(h + (j << 2)) * load<f32>(levels + j * COLUMN)
    weight += level * product
    gain += level * load<f32>(levels + LEVELS + i * COLUMN)
  }
  return fromBfloat16(toBfloat16(scale + gain * inverse1(weight)))
}
