/*
 * Reads weights of a checkpoint as floats, from any type and order: 8 rows by 32 columns at a time, column after
 * column. The arguments are as in pack.ts. The bytes after the target, up to GATHER_BYTES, are scratch.
 * Loops of the form `do ... while` are for V8, see pack-q4.ts.
 */
import { SourceType, TileBytes } from '../src/kernels/abi/formats'
import { PackArg } from '../src/kernels/abi/products'
import { isBlockType, RUN_BYTES, runFloats, unpackRun } from './block-types'
import { arg } from './control'
import { fromBfloat16, fromHalf, fromHalf4 } from './half'

/** Floats of a tile, the same row after row, and a run of a block. */
export const GATHER_BYTES: usize = 2 * <usize>TileBytes.f32 + RUN_BYTES

/** Copies 8 rows x 32 columns to `target`, with zeros beyond the matrix, and counts the weights that are not finite. */
export function gather(target: usize, row: u32, column: u32): void {
  const rows = min(8, arg(PackArg.rows) - row)
  const columns = min(32, arg(PackArg.columns) - column)
  const first: usize = arg(PackArg.firstElement) + row * arg(PackArg.rowStride) + column * arg(PackArg.columnStride)
  if (rows < 8 || columns < 32) memory.fill(target, 0, TileBytes.f32)
  if (isBlockType(arg(PackArg.type))) {
    if (arg(PackArg.columnStride) == 1) gatherBlocks(target, first, rows)
    else gatherTurnedBlocks(target, first, rows, columns)
  } else if (
    ASC_FEATURE_SIMD &&
    rows == 8 &&
    columns == 32 &&
    arg(PackArg.type) != SourceType.F64 &&
    (arg(PackArg.rowStride) == 1 || arg(PackArg.columnStride) == 1)
  ) {
    if (arg(PackArg.rowStride) == 1) gatherColumns(target, first)
    else gatherRows(target, first)
  } else {
    gatherEach(target, first, rows, columns)
  }
  countBroken(target, 32)
}

/** For matrices whose neighbouring rows are neighbours in memory, such as an expert's [in, out] matrix. */
function gatherColumns(target: usize, first: usize): void {
  const type = arg(PackArg.type)
  const shift: usize = type == SourceType.F32 ? 2 : 1
  const stride = (<usize>arg(PackArg.columnStride)) << shift
  const half: usize = (<usize>4) << shift
  const end = target + TileBytes.f32
  let from = arg(PackArg.source) + (first << shift)
  do {
    v128.store(target, elements4(type, from))
    v128.store(target, elements4(type, from + half), 16)
    from += stride
    target += 32
  } while (target < end)
}

/** For matrices whose neighbouring columns are neighbours in memory, such as an ordinary [out, in] matrix. */
function gatherRows(target: usize, first: usize): void {
  const type = arg(PackArg.type)
  const shift: usize = type == SourceType.F32 ? 2 : 1
  const stride = (<usize>arg(PackArg.rowStride)) << shift
  const from = arg(PackArg.source) + (first << shift)
  gather4Rows(target, from, stride, type)
  gather4Rows(target + 16, from + (stride << 2), stride, type)
}

/** Four rows of gatherRows: transposes eight squares of 4 x 4. */
function gather4Rows(target: usize, from: usize, stride: usize, type: u32): void {
  const step: usize = type == SourceType.F32 ? 16 : 8
  const end = target + TileBytes.f32
  do {
    const row0 = elements4(type, from)
    const row1 = elements4(type, from + stride)
    const row2 = elements4(type, from + (stride << 1))
    const row3 = elements4(type, from + stride * 3)
    const left01 = v128.shuffle<i32>(row0, row1, 0, 4, 1, 5)
    const left23 = v128.shuffle<i32>(row2, row3, 0, 4, 1, 5)
    const right01 = v128.shuffle<i32>(row0, row1, 2, 6, 3, 7)
    const right23 = v128.shuffle<i32>(row2, row3, 2, 6, 3, 7)
    v128.store(target, v128.shuffle<i64>(left01, left23, 0, 2))
    v128.store(target, v128.shuffle<i64>(left01, left23, 1, 3), 32)
    v128.store(target, v128.shuffle<i64>(right01, right23, 0, 2), 64)
    v128.store(target, v128.shuffle<i64>(right01, right23, 1, 3), 96)
    from += step
    target += 128
  } while (target < end)
}

/** For block types: unpacks row after row, then exchanges rows and columns. */
function gatherBlocks(target: usize, first: usize, rows: u32): void {
  const type = arg(PackArg.type)
  const source: usize = arg(PackArg.source)
  const lines = target + <usize>TileBytes.f32
  const run = lines + <usize>TileBytes.f32
  for (let r: usize = 0; r < rows; r++, first += arg(PackArg.rowStride)) {
    unpackRun(type, source, first, run)
    runFloats(type, run, lines + (r << 7))
  }
  if (ASC_FEATURE_SIMD && rows == 8) {
    gather4Rows(target, lines, 128, SourceType.F32)
    gather4Rows(target + 16, lines + 512, 128, SourceType.F32)
  } else {
    for (let r: usize = 0; r < rows; r++) {
      for (let c: usize = 0; c < 32; c++)
        store<f32>(target + (c << 5) + (r << 2), load<f32>(lines + (r << 7) + (c << 2)))
    }
  }
}

/** For block types whose rows are the columns of the matrix: 8 neighbours of each are in one run. */
function gatherTurnedBlocks(target: usize, first: usize, rows: usize, columns: u32): void {
  const type = arg(PackArg.type)
  const floats = target + <usize>TileBytes.f32
  const run = floats + <usize>TileBytes.f32
  for (let c: u32 = 0; c < columns; c++, first += arg(PackArg.columnStride), target += 32) {
    unpackRun(type, arg(PackArg.source), first & ~31, run)
    runFloats(type, run, floats)
    memory.copy(target, floats + ((first & 31) << 2), rows << 2)
  }
}

function gatherEach(target: usize, first: usize, rows: u32, columns: u32): void {
  const rowStride: usize = arg(PackArg.rowStride)
  for (let c: usize = 0; c < columns; c++) {
    let index = first + c * arg(PackArg.columnStride)
    for (let r: usize = 0; r < rows; r++, index += rowStride) {
      store<f32>(target + (c << 5) + (r << 2), element(index))
    }
  }
}

/** Copies `columns` neighbours in a row to `target`, followed by zeros up to 32. A run after these is scratch. */
export function gatherLine(target: usize, first: usize, columns: u32): void {
  const type = arg(PackArg.type)
  const stride: usize = arg(PackArg.columnStride)
  if (isBlockType(type)) {
    unpackRun(type, arg(PackArg.source), first, target + 128)
    runFloats(type, target + 128, target)
  } else if (ASC_FEATURE_SIMD && columns == 32 && stride == 1 && type != SourceType.F64) {
    const shift: usize = type == SourceType.F32 ? 2 : 1
    const from = arg(PackArg.source) + (first << shift)
    for (let c: usize = 0; c < 32; c += 4) v128.store(target + (c << 2), elements4(type, from + (c << shift)))
  } else {
    for (let c: u32 = 0; c < 32; c++) {
      store<f32>(target + (c << 2), c < columns ? element(first + c * stride) : <f32>0)
    }
  }
}

/** One weight, by its index in the source. */
function element(index: usize): f32 {
  const type = arg(PackArg.type)
  if (type == SourceType.F32) return load<f32>(arg(PackArg.source) + (index << 2))
  if (type == SourceType.F16) return fromHalf(load<u16>(arg(PackArg.source) + (index << 1)))
  if (type == SourceType.BF16) return fromBfloat16(load<u16>(arg(PackArg.source) + (index << 1)))
  return <f32>load<f64>(arg(PackArg.source) + (index << 3))
}

/** Four neighbouring weights at an address; not for f64. */
function elements4(type: u32, address: usize): v128 {
  if (type == SourceType.F32) return v128.load(address)
  const bits = v128.load_ext<u16>(address)
  return type == SourceType.BF16 ? i32x4.shl(bits, 16) : fromHalf4(bits)
}

/** Adds the number of NaN and infinities among `columns` * 8 floats to the job's count. */
export function countBroken(floats: usize, columns: usize): void {
  const end = floats + (columns << 5)
  if (ASC_FEATURE_SIMD) {
    // Without the sign, the bits of infinities and NaN are larger integers than the bits of any number.
    const magnitude = i32x4.splat(0x7fffffff)
    let most = i32x4.splat(0)
    let p = floats
    do {
      const pair = i32x4.max_s(v128.and(v128.load(p), magnitude), v128.and(v128.load(p, 16), magnitude))
      most = i32x4.max_s(most, pair)
      p += 32
    } while (p < end)
    if (!v128.any_true(i32x4.ge_s(most, i32x4.splat(0x7f800000)))) return
  }
  let broken: u32 = 0
  for (let p = floats; p < end; p += 4) if (!isFinite<f32>(load<f32>(p))) broken++
  if (broken > 0) atomic.add<u32>(arg(PackArg.nonFinite), broken)
}
