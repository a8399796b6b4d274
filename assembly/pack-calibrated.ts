/*
 * Packs rows of a q4 or q3 matrix so that its products with given inputs change least.
 *
 * For inputs with the second moments H, the squared error of a row's products is e' H e, with the errors e of its
 * weights. H has blocks of at most MOMENT_COLUMNS columns; the errors of different blocks count separately. For each
 * block and 8 rows:
 *   1. Every tile begins with scales and levels for errors that count one by one. g = H e.
 *   2. In turn, each column gets the level that is best for the errors of all others: l + g / (H[c][c] s).
 *   3. Each tile gets the best scale for its levels; its change is (l' g) / (l' H l), and it is rounded to bfloat16.
 * Steps 2 and 3 never raise the error, apart from that rounding; they are done twice, then step 2 alone.
 *
 * H is row after row, `stride` floats each, with zeros in padding columns. Bit-identical in all tiers.
 */
import { TILE_COLUMNS, TILE_ROWS, TileBytes, WeightCode } from '../src/runtime/abi/formats'
import { CALIBRATION_ROOM, MOMENT_COLUMNS, PACK_CHUNK_ROWS, PackArg } from '../src/runtime/abi/products'
import { arg, scratch, thread } from './control'
import { gather } from './gather'
import { fromBfloat16, toBfloat16, toBfloat16x4 } from './half'
import { tileBytes } from './matmul'
import { placeQ3, storeQ3 } from './pack-q3'
import { CANDIDATES, place, unitOf, units4 } from './pack-q4'

/** Rounds of steps 2 and 3, the last ones without step 3. */
const ROUNDS: i32 = 8
const SCALED_ROUNDS: i32 = 5
/** Denominators below it count as zero. */
const TINY: f32 = 1e-30

/** Bytes of a column of 8 rows of floats. */
const COLUMN: usize = 32
/** Places in a thread's room: errors, later other temporaries; levels; g; scales of the tiles. */
const LEVELS: usize = MOMENT_COLUMNS * COLUMN
const GRADIENTS: usize = 2 * LEVELS
const SCALES: usize = 3 * LEVELS

/** Packs 32 rows from `row` on, to tiles from `first` on. `band`: bytes of 8 packed rows. */
export function packCalibratedRows(row: u32, first: usize, band: usize): void {
  const columns = (arg(PackArg.columns) + 31) & ~31
  const end = min(row + PACK_CHUNK_ROWS, arg(PackArg.rows))
  const room: usize = arg(PackArg.room) + thread * CALIBRATION_ROOM
  const format = arg(PackArg.format)
  let moments: usize = arg(PackArg.moments)
  for (let column: u32 = 0; column < columns; column += MOMENT_COLUMNS) {
    const count = min(<u32>MOMENT_COLUMNS, columns - column)
    let tiles = first
    for (let r = row; r < end; r += TILE_ROWS, tiles += band) packBlock(format, tiles, r, column, count, moments, room)
    first += (count / TILE_COLUMNS) * tileBytes(format)
    moments += count * count * 4
  }
}

/** Packs 8 rows of the `count` columns of a block. */
function packBlock(format: u32, tiles: usize, row: u32, column: u32, count: usize, moments: usize, room: usize): void {
  const top: f32 = format == WeightCode.q3 ? 3 : 7
  const diagonal = (count + 1) << 2
  for (let c: usize = 0; c < count; c += TILE_COLUMNS) {
    gather(scratch(), row, column + <u32>c)
    memory.copy(room + c * COLUMN, scratch(), TileBytes.f32)
    beginTile(top, room + c * COLUMN, room + SCALES + c, moments + c * diagonal, diagonal)
  }
  multiply(moments, count, room)
  for (let round = 0; round < ROUNDS; round++) {
    let isChanged = false
    for (let c: usize = 0; c < count; c++) isChanged = improveLevel(top, moments, count, c, room) || isChanged
    if (round < SCALED_ROUNDS) {
      for (let c: usize = 0; c < count; c += TILE_COLUMNS)
        isChanged = improveScales(moments, count, c, room) || isChanged
    }
    if (!isChanged) break
  }
  for (let c: usize = 0; c < count; c += TILE_COLUMNS) {
    if (format == WeightCode.q3) storeTileQ3(tiles, room + LEVELS + c * COLUMN, room + SCALES + c)
    else storeTileQ4(tiles, room + LEVELS + c * COLUMN, room + SCALES + c)
    tiles += tileBytes(format)
  }
}

/**
 * Scales and levels of a tile of weights, which become their errors. `h` is the address of H[c][c] for its first column
 * c, and `step` the bytes from there to the next. As in pack-q4.ts, a scale is the best of a few candidates; here the
 * squares of errors count by H[c][c].
 */
function beginTile(top: f32, weights: usize, scales: usize, h: usize, step: usize): void {
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

/** g = H e. */
function multiply(moments: usize, count: usize, room: usize): void {
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
function improveLevel(top: f32, moments: usize, count: usize, c: usize, room: usize): bool {
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
function improveScales(moments: usize, count: usize, c: usize, room: usize): bool {
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

/** Writes a q4 tile (tile-q4.ts). Levels are whole numbers from -8 to 7. */
function storeTileQ4(tile: usize, levels: usize, scales: usize): void {
  for (let r: usize = 0; r < 8; r++) {
    store<u16>(tile + (r << 1), toBfloat16(load<f32>(scales + (r << 2))))
    for (let byte: usize = 0; byte < 16; byte++) {
      const low = levels + (((byte >> 2) << 3) + (byte & 3)) * COLUMN + (r << 2)
      const bits = <u8>(load<f32>(low) + 8) | ((<u8>(load<f32>(low, 4 * COLUMN) + 8)) << 4)
      store<u8>(tile + ((byte >> 2) << 5) + (r << 2) + (byte & 3), bits, 16)
    }
  }
}

/** Writes a q3 tile (tile-q3.ts). Levels are whole numbers from -4 to 3. */
function storeTileQ3(tile: usize, levels: usize, scales: usize): void {
  for (let r: usize = 0; r < 8; r++) {
    store<u16>(tile + (r << 1), toBfloat16(load<f32>(scales + (r << 2))))
    for (let i: usize = 0; i < <usize>TILE_COLUMNS * COLUMN; i += COLUMN) {
      const level = levels + i + (r << 2)
      store<f32>(level, load<f32>(level) + 4)
    }
    for (let j: usize = 0; j < 4; j++) storeQ3(tile + (r << 2) + j, levels + j * COLUMN + (r << 2))
  }
}

/** Level on which candidate i of a tile's scales puts the largest magnitude. */
function placeOf(top: f32, i: i32): f32 {
  return top == 3 ? placeQ3(i) : place(i)
}

/** Level of x: from -top - 1 to top. */
function level1(top: f32, x: f32): f32 {
  const rounded = nearest<f32>(x)
  const least: f32 = -1 - top
  const bounded = <f32>least < rounded ? rounded : least
  return top < bounded ? top : bounded
}

function level4(top: f32, x: v128): v128 {
  return f32x4.pmin(f32x4.pmax(f32x4.splat(<f32>-1 - top), f32x4.nearest(x)), f32x4.splat(top))
}

/** 1 / x, or 0 if x is about 0. */
function inverse1(x: f32): f32 {
  return abs<f32>(x) > TINY ? <f32>1 / x : <f32>0
}

function inverse4(x: v128): v128 {
  return v128.and(f32x4.div(f32x4.splat(1), x), f32x4.gt(f32x4.abs(x), f32x4.splat(TINY)))
}
