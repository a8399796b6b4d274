/*
 * Quantising and tiling of weights, one item a group of 8 rows of a matrix (or one row of the embedding table).
 *
 * Arguments: 0 source   1 source type (SOURCE_*)   2 index of element [0, 0]   3 rows   4 columns
 *   5 elements from one row to the next   6 elements from one column to the next (both may be 0)
 *   7 target   8 format   9 kind: 0 matrix tiles, 1 table rows   10 u32: count of NaN and infinite weights, added to
 * Rows beyond the last and columns beyond the last are zero. Formats: tile-*.ts, embedding.ts. Bit-identical in all tiers.
 */
import { arg, SCRATCH, SCRATCH_SIZE, thread } from './control'
import { fromBfloat16, fromHalf, fromHalf4, toBfloat16 } from './half'
import { bandBytes, F32, Q4 } from './matmul'
import { packQ4 } from './pack-q4'
import { inverseOf, level8, packQ8 } from './pack-q8'

const SOURCE_F32: u32 = 0
const SOURCE_F16: u32 = 1
const SOURCE_BF16: u32 = 2

/** This thread's scratch: a tile of floats, column after column, 8 rows each. Set at the start of each chunk. */
let scratch: usize = 0

export function pack(chunk: u32): void {
  scratch = SCRATCH + thread * SCRATCH_SIZE
  if (arg(9) == 1) return packTableRow(chunk)
  const columns = (arg(4) + 31) & ~31
  let tile: usize = arg(7) + chunk * bandBytes(arg(8), columns)
  for (let column: u32 = 0; column < columns; column += 32) {
    gather(chunk << 3, column)
    if (arg(8) == F32) {
      memory.copy(tile, scratch, 1024)
      tile += 1024
    } else if (arg(8) == Q4) {
      packQ4(tile, scratch)
      tile += 144
    } else {
      packQ8(tile, scratch)
      tile += 272
    }
  }
}

/** Copies 8 rows x 32 columns to the scratch as floats, and counts what is not finite. */
function gather(row: u32, column: u32): void {
  const rows = min(8, arg(3) - row)
  const columns = min(32, arg(4) - column)
  const first: usize = arg(2) + row * arg(5) + column * arg(6)
  if (rows < 8 || columns < 32) memory.fill(scratch, 0, 1024)
  if (ASC_FEATURE_SIMD) {
    if (rows == 8 && columns == 32 && arg(1) <= SOURCE_BF16) {
      if (arg(5) == 1) gatherColumns(first, arg(6))
      else if (arg(6) == 1) gatherRows(first, arg(5))
      else gatherEach(first, rows, columns)
    } else {
      gatherEach(first, rows, columns)
    }
  } else {
    gatherEach(first, rows, columns)
  }
  countBroken(32)
}

/** Neighbouring rows lie together, as in an expert's [in, out] matrix. */
function gatherColumns(first: usize, columnStride: usize): void {
  for (let to = scratch; to < scratch + 1024; to += 32, first += columnStride) {
    v128.store(to, elements4(first))
    v128.store(to, elements4(first + 4), 16)
  }
}

/** Neighbouring columns lie together, as in an ordinary [out, in] matrix. */
function gatherRows(first: usize, rowStride: usize): void {
  for (let to = scratch; to < scratch + 32; to += 4, first += rowStride) {
    for (let c: usize = 0; c < 32; c += 4) {
      const x = elements4(first + c)
      const p = to + (c << 5)
      v128.store32_lane(p, x, 0)
      v128.store32_lane(p, x, 1, 32)
      v128.store32_lane(p, x, 2, 64)
      v128.store32_lane(p, x, 3, 96)
    }
  }
}

function gatherEach(first: usize, rows: u32, columns: u32): void {
  const rowStride: usize = arg(5)
  for (let c: usize = 0; c < columns; c++) {
    let index = first + c * arg(6)
    for (let r: usize = 0; r < rows; r++, index += rowStride) {
      store<f32>(scratch + (c << 5) + (r << 2), element(index))
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

/** Four neighbouring elements; not for f64. */
function elements4(index: usize): v128 {
  const type = arg(1)
  if (type == SOURCE_F32) return v128.load(arg(0) + (index << 2))
  const bits = v128.load_ext<u16>(arg(0) + (index << 1))
  return type == SOURCE_BF16 ? i32x4.shl(bits, 16) : fromHalf4(bits)
}

/** Counts NaN and infinities in the first `columns` * 8 floats of the scratch. */
function countBroken(columns: usize): void {
  const end = scratch + (columns << 5)
  if (ASC_FEATURE_SIMD) {
    // 0 * x is 0 for numbers and NaN for everything else.
    let sum = f32x4.splat(0)
    for (let p = scratch; p < end; p += 16) sum = f32x4.add(sum, f32x4.mul(v128.load(p), f32x4.splat(0)))
    if (!v128.any_true(f32x4.ne(sum, sum))) return
  }
  let broken: u32 = 0
  for (let p = scratch; p < end; p += 4) if (!isFinite<f32>(load<f32>(p))) broken++
  if (broken > 0) atomic.add<u32>(arg(10), broken)
}

function packTableRow(row: u32): void {
  const columns = (arg(4) + 31) & ~31
  const stride: usize = arg(6)
  let target: usize = arg(7) + row * (arg(8) == F32 ? columns << 2 : (columns >> 5) * 34)
  for (let column: u32 = 0; column < columns; column += 32) {
    let most: f32 = 0
    for (let c: u32 = 0; c < 32; c++) {
      const x = column + c < arg(4) ? element(arg(2) + row * arg(5) + (column + c) * stride) : <f32>0
      most = max<f32>(most, abs<f32>(x))
      store<f32>(scratch + (c << 2), x)
    }
    countBroken(4)
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
}
