/*
 * Packs blocks of GGUF's types without a search, into formats that can hold their quants: each quant stays, and the
 * scale (and the minimum) is rounded to bfloat16. That is nearly a copy: a half has three bits more than a bfloat16, so
 * all weights of a block change by at most one part in 512. Packing their values would round each weight again.
 *
 * A quant of -128, which only other programs write, stays, too. A scale of zero, or one that is not finite, makes a run
 * of zeros. The arguments are as in pack.ts. Bit-identical in all tiers.
 */
import { SourceType, TILE_ROWS, WeightCode } from '../src/kernels/abi/formats'
import { PackArg } from '../src/kernels/abi/products'
import { hasMinimum, RUN_BYTES, runFloats, runMinimum, runScale, setMinimum, unpackRun } from './block-types'
import { arg } from './control'
import { countBroken } from './gather'
import { fromBfloat16, toBfloat16 } from './half'

/** Bytes of scratch: a run, and its floats. */
export const QUANTS_SCRATCH: usize = RUN_BYTES + 128

/** Scales below it times a quant are finite. */
const LARGE: f32 = 1e36

/**
 * Whether a format takes the quants of a block type, whose rows are the matrix's. Only formats of 4 bits take the quants
 * of Q4_0: a packing as q4 then has the bytes of one of the same weights in floats, in its q8 tables, too.
 */
export function keepsQuants(type: u32, format: u32): bool {
  if (arg(PackArg.columnStride) != 1) return false
  if (format == WeightCode.q4) return type == SourceType.Q4_0
  if (format == WeightCode.q4m) {
    return type == SourceType.Q4_0 || type == SourceType.Q4_1 || type == SourceType.Q4_K
  }
  if (format != WeightCode.q8) return false
  return type == SourceType.Q8_0 || type == SourceType.Q5_0 || type == SourceType.IQ4_NL || type == SourceType.MXFP4
}

/** Packs 8 rows x 32 columns into a tile. Rows beyond the last are zero. */
export function packQuants(tile: usize, row: u32, column: u32, run: usize): void {
  const rows = min(<u32>TILE_ROWS, arg(PackArg.rows) - row)
  const type = arg(PackArg.type)
  const format = arg(PackArg.format)
  let index: usize = arg(PackArg.firstElement) + row * arg(PackArg.rowStride) + column
  for (let r: usize = 0; r < <usize>TILE_ROWS; r++, index += arg(PackArg.rowStride)) {
    if (r < rows) takeRun(index, run)
    else memory.fill(run, 0, RUN_BYTES)
    store<u16>(tile + (r << 1), toBfloat16(runScale(run)))
    if (format == WeightCode.q8) storeBytes(tile + 16 + (r << 1), run)
    else if (format == WeightCode.q4) {
      raise(run, 8)
      storeNibbles(tile + 16 + (r << 2), run)
    } else {
      if (type == SourceType.Q4_0) fromQ4_0(run)
      store<u16>(tile + (r << 1), toBfloat16(runMinimum(run)), 16)
      storeNibbles(tile + 32 + (r << 2), run)
    }
  }
}

/** Packs 32 columns of a table's row into q8. */
export function packQuantsLine(target: usize, index: usize, run: usize): void {
  takeRun(index, run)
  store<u16>(target, toBfloat16(runScale(run)))
  memory.copy(target + 2, run, 32)
}

/** Unpacks a run, and counts its weights that are not finite. */
function takeRun(index: usize, run: usize): void {
  const type = arg(PackArg.type)
  unpackRun(type, arg(PackArg.source), index, run)
  const scale = runScale(run)
  const minimum = hasMinimum(type) ? runMinimum(run) : <f32>0
  if (!(abs(scale) < LARGE && abs(minimum) < LARGE)) {
    runFloats(type, run, run + RUN_BYTES)
    countBroken(run + RUN_BYTES, 4)
  }
  if (scale == 0 || !isFinite(scale) || !isFinite(minimum)) {
    memory.fill(run, 0, RUN_BYTES)
    if (scale == 0 && isFinite(minimum)) setMinimum(run, minimum)
  }
}

/** Quants from 0 to 15 and a minimum: the same weights as quants from -8 to 7. A run of zeros stays zero. */
function fromQ4_0(run: usize): void {
  const scale = runScale(run)
  if (scale != 0) raise(run, 8)
  // A bfloat16 times a power of two is exact.
  setMinimum(run, scale == 0 ? <f32>0 : fromBfloat16(toBfloat16(scale)) * -8)
}

/** Adds a number to each quant. */
function raise(run: usize, by: i32): void {
  if (ASC_FEATURE_SIMD) {
    v128.store(run, i8x16.add(v128.load(run), i8x16.splat(<i8>by)))
    v128.store(run, i8x16.add(v128.load(run, 16), i8x16.splat(<i8>by)), 16)
  } else {
    for (let i: usize = 0; i < 32; i++) store<i8>(run + i, <i8>(load<i8>(run + i) + by))
  }
}

/** Stores 32 bytes of 0 to 15 as the nibbles of a row of a 4-bit tile (tile-q4.ts). */
export function storeNibbles(target: usize, nibbles: usize): void {
  if (ASC_FEATURE_SIMD) {
    const first = v128.load(nibbles)
    const last = v128.load(nibbles, 16)
    // Of each 8 columns, the first four are the low nibbles of four bytes, the last four the high ones.
    const low = v128.shuffle<i8>(first, last, 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27)
    const high = v128.shuffle<i8>(first, last, 4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31)
    const words = v128.or(low, i8x16.shl(high, 4))
    v128.store32_lane(target, words, 0)
    v128.store32_lane(target, words, 1, 32)
    v128.store32_lane(target, words, 2, 64)
    v128.store32_lane(target, words, 3, 96)
  } else {
    for (let c: usize = 0; c < 32; c += 8, target += 32) {
      for (let b: usize = 0; b < 4; b++) {
        store<u8>(target + b, load<u8>(nibbles + c + b) | (load<u8>(nibbles + c + b, 4) << 4))
      }
    }
  }
}

/** Stores 32 quants as a row of an 8-bit tile (tile-q8.ts): the pairs (0,2) (4,6) (1,3) (5,7) of each 8 columns. */
function storeBytes(target: usize, quants: usize): void {
  if (ASC_FEATURE_SIMD) {
    storePairs(target, v128.load(quants))
    storePairs(target + 128, v128.load(quants, 16))
  } else {
    for (let c: usize = 0; c < 32; c += 8, target += 64) {
      for (let pair: usize = 0; pair < 4; pair++) {
        const first = quants + c + ((pair & 1) << 2) + (pair >> 1)
        store<i8>(target + (pair << 4), load<i8>(first))
        store<i8>(target + (pair << 4), load<i8>(first, 2), 1)
      }
    }
  }
}

/** Pairs of 16 columns. */
function storePairs(target: usize, quants: v128): void {
  const pairs = v128.shuffle<i8>(quants, quants, 0, 2, 4, 6, 1, 3, 5, 7, 8, 10, 12, 14, 9, 11, 13, 15)
  v128.store16_lane(target, pairs, 0)
  v128.store16_lane(target, pairs, 1, 16)
  v128.store16_lane(target, pairs, 2, 32)
  v128.store16_lane(target, pairs, 3, 48)
  v128.store16_lane(target, pairs, 4, 64)
  v128.store16_lane(target, pairs, 5, 80)
  v128.store16_lane(target, pairs, 6, 96)
  v128.store16_lane(target, pairs, 7, 112)
}
