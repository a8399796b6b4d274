/*
 * Quantising and tiling of weights, one item a group of 8 rows of a matrix (or one row of the embedding table).
 *
 * Arguments: 0 source   1 source type (SOURCE_*)   2 index of element [0, 0]   3 rows   4 columns
 *   5 elements from one row to the next   6 elements from one column to the next (both may be 0)
 *   7 target   8 format   9 kind: 0 matrix tiles, 1 table rows   10 u32: count of NaN and infinite weights, added to
 * Rows beyond the last and columns beyond the last are zero. Formats: tile-*.ts, embedding.ts. Bit-identical in all tiers.
 *
 * Scales of the 4-bit tiles: of a family of candidates (either sign, so that the level -8 serves the longer side) the one
 * whose levels l explain most of the block: the least squared error of s * l is sum x^2 - (sum x l)^2 / sum l^2, with
 * s = sum x l / sum l^2. The scale is rounded to bfloat16 and the levels taken anew for the rounded one.
 */
import { arg, SCRATCH, SCRATCH_SIZE } from './control'
import { fromBfloat16, fromHalf, toBfloat16 } from './half'
import { bandBytes, F32, Q4 } from './matmul'

const SOURCE_F32: u32 = 0
const SOURCE_F16: u32 = 1
const SOURCE_BF16: u32 = 2

/** Candidates for each sign: the largest magnitude is put on level 6, 6.2, ... 9.4. */
const CANDIDATES: i32 = 18

/** This thread's scratch: a tile of floats, column after column, 8 rows each. */
let scratch: usize = SCRATCH

export function setScratch(thread: i32): void {
  scratch = SCRATCH + <usize>thread * SCRATCH_SIZE
}

export function pack(chunk: u32): void {
  if (arg(9) == 1) return packTableRow(chunk)
  const columns = (arg(4) + 31) & ~31
  let tile: usize = arg(7) + chunk * bandBytes(arg(8), columns)
  for (let column: u32 = 0; column < columns; column += 32) {
    gather(chunk << 3, column)
    if (arg(8) == F32) {
      memory.copy(tile, scratch, 1024)
      tile += 1024
    } else if (arg(8) == Q4) {
      packQ4(tile)
      tile += 144
    } else {
      packQ8(tile)
      tile += 272
    }
  }
}

function element(index: usize): f32 {
  const type = arg(1)
  if (type == SOURCE_F32) return load<f32>(arg(0) + (index << 2))
  if (type == SOURCE_F16) return fromHalf(load<u16>(arg(0) + (index << 1)))
  if (type == SOURCE_BF16) return fromBfloat16(load<u16>(arg(0) + (index << 1)))
  return <f32>load<f64>(arg(0) + (index << 3))
}

/** Copies 8 rows x 32 columns to the scratch as floats, and counts what is not finite. */
function gather(row: u32, column: u32): void {
  const rows = min(8, arg(3) - row)
  const columns = min(32, arg(4) - column)
  const rowStride: usize = arg(5)
  const columnStride: usize = arg(6)
  if (rows < 8 || columns < 32) memory.fill(scratch, 0, 1024)
  let broken: u32 = 0
  for (let c: usize = 0; c < columns; c++) {
    let index = arg(2) + row * rowStride + (column + c) * columnStride
    for (let r: usize = 0; r < rows; r++, index += rowStride) {
      const x = element(index)
      if (!isFinite<f32>(x)) broken++
      store<f32>(scratch + (c << 5) + (r << 2), x)
    }
  }
  if (broken > 0) atomic.add<u32>(arg(10), broken)
}

function packTableRow(row: u32): void {
  const columns = (arg(4) + 31) & ~31
  const stride: usize = arg(6)
  let broken: u32 = 0
  let target: usize = arg(7) + row * (arg(8) == F32 ? columns << 2 : (columns >> 5) * 34)
  for (let column: u32 = 0; column < columns; column += 32) {
    let most: f32 = 0
    for (let c: u32 = 0; c < 32; c++) {
      const x = column + c < arg(4) ? element(arg(2) + row * arg(5) + (column + c) * stride) : <f32>0
      if (!isFinite<f32>(x)) broken++
      most = max<f32>(most, abs<f32>(x))
      store<f32>(scratch + (c << 2), x)
    }
    if (arg(8) == F32) {
      memory.copy(target, scratch, 128)
      target += 128
    } else {
      const bits = toBfloat16(most / <f32>127.0)
      const inverse = inverseOf(fromBfloat16(bits))
      store<u16>(target, bits)
      for (let c: usize = 0; c < 32; c++) store<i8>(target + c, level8(load<f32>(scratch + (c << 2)), inverse), 2)
      target += 34
    }
  }
  if (broken > 0) atomic.add<u32>(arg(10), broken)
}

function inverseOf(scale: f32): f32 {
  return scale == 0 ? <f32>0.0 : <f32>1.0 / scale
}

function level8(x: f32, inverse: f32): i8 {
  return <i8>min<f32>(max<f32>(nearest<f32>(x * inverse), -127), 127)
}

function packQ8(tile: usize): void {
  for (let r: usize = 0; r < 8; r++) {
    let most: f32 = 0
    for (let c: usize = 0; c < 32; c++) most = max<f32>(most, abs<f32>(load<f32>(scratch + (c << 5) + (r << 2))))
    const bits = toBfloat16(most / <f32>127.0)
    const inverse = inverseOf(fromBfloat16(bits))
    store<u16>(tile + (r << 1), bits)
    for (let c: usize = 0; c < 32; c++) {
      // Column c of its 8 is half c >> 1 & 1 of pair (c & 1) * 2 + (c >> 2), the order (0,2) (4,6) (1,3) (5,7).
      const pair = ((c >> 3) << 2) + ((c & 1) << 1) + ((c & 7) >> 2)
      const q = level8(load<f32>(scratch + (c << 5) + (r << 2)), inverse)
      store<i8>(tile + (pair << 4) + (r << 1) + ((c >> 1) & 1), q, 16)
    }
  }
}

function packQ4(tile: usize): void {
  memory.fill(tile + 16, 0, 128)
  if (ASC_FEATURE_SIMD) {
    for (let half: usize = 0; half < 2; half++) {
      const scales = bestScales4(scratch + (half << 4))
      for (let lane: usize = 0; lane < 4; lane++) {
        const s =
          lane == 0
            ? f32x4.extract_lane(scales, 0)
            : lane == 1
              ? f32x4.extract_lane(scales, 1)
              : lane == 2
                ? f32x4.extract_lane(scales, 2)
                : f32x4.extract_lane(scales, 3)
        packRowQ4(tile, (half << 2) + lane, s)
      }
    }
  } else {
    for (let r: usize = 0; r < 8; r++) packRowQ4(tile, r, bestScale(scratch + (r << 2)))
  }
}

/** Levels of one row for its scale, as nibbles of the tile. */
function packRowQ4(tile: usize, r: usize, scale: f32): void {
  const bits = toBfloat16(scale)
  const inverse = inverseOf(fromBfloat16(bits))
  store<u16>(tile + (r << 1), bits)
  for (let c: usize = 0; c < 32; c++) {
    const x = load<f32>(scratch + (c << 5) + (r << 2)) * inverse
    const q = <u8>(min<f32>(max<f32>(nearest<f32>(x), -8), 7) + <f32>8.0)
    const byte = tile + ((c >> 3) << 5) + (r << 2) + (c & 3)
    store<u8>(byte, load<u8>(byte, 16) | (c & 4 ? q << 4 : q), 16)
  }
}

/** Least-squares scale of one row of the scratch. */
function bestScale(row: usize): f32 {
  let most: f32 = 0
  for (let c: usize = 0; c < 32; c++) most = max<f32>(most, abs<f32>(load<f32>(row + (c << 5))))
  const unit = inverseOf(most)
  let best: f32 = -1
  let scale: f32 = 0
  for (let i = 0; i < 2 * CANDIDATES; i++) {
    const inverse = unit * place(i)
    let xl: f32 = 0
    let ll: f32 = 0
    for (let c: usize = 0; c < 32; c++) {
      const x = load<f32>(row + (c << 5))
      const l = min<f32>(max<f32>(nearest<f32>(x * inverse), -8), 7)
      xl += x * l
      ll += l * l
    }
    const s = ll == 0 ? <f32>0.0 : xl / ll
    const explained = s * xl
    if (explained > best) {
      best = explained
      scale = s
    }
  }
  return scale
}

/** Level on which candidate i puts the largest magnitude. */
function place(i: i32): f32 {
  const level: f32 = <f32>6.0 + <f32>0.2 * <f32>(i >> 1)
  return i & 1 ? -level : level
}

/** bestScale for four neighbouring rows, a lane each. */
function bestScales4(rows: usize): v128 {
  let most = f32x4.splat(0)
  for (let c: usize = 0; c < 32; c++) most = f32x4.max(most, f32x4.abs(v128.load(rows + (c << 5))))
  const zero = f32x4.splat(0)
  const unit = v128.andnot(f32x4.div(f32x4.splat(1), most), f32x4.eq(most, zero))
  let best = f32x4.splat(-1)
  let scale = zero
  for (let i = 0; i < 2 * CANDIDATES; i++) {
    const inverse = f32x4.mul(unit, f32x4.splat(place(i)))
    let xl = zero
    let ll = zero
    for (let c: usize = 0; c < 32; c++) {
      const x = v128.load(rows + (c << 5))
      const l = f32x4.min(f32x4.max(f32x4.nearest(f32x4.mul(x, inverse)), f32x4.splat(-8)), f32x4.splat(7))
      xl = f32x4.add(xl, f32x4.mul(x, l))
      ll = f32x4.add(ll, f32x4.mul(l, l))
    }
    const s = v128.andnot(f32x4.div(xl, ll), f32x4.eq(ll, zero))
    const explained = f32x4.mul(s, xl)
    const better = f32x4.gt(explained, best)
    best = v128.bitselect(explained, best, better)
    scale = v128.bitselect(s, scale, better)
  }
  return scale
}
