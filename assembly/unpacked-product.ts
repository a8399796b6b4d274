/*
 * Products of 4-bit weights with many activation rows, in the relaxed tier. A thread interleaves the activations of up
 * to INTERLEAVED_ROWS rows four by four, and unpacks each band once for all of them. Both are in the thread's scratch
 * (MatmulArg.interleaved, MatmulArg.unpacked).
 */
import { INTERLEAVED_BLOCK_BYTES, INTERLEAVED_ROWS, WeightCode } from '../src/kernels/abi/formats'
import { LIST_ENTRY_BYTES, MatmulArg } from '../src/kernels/abi/products'
import { arg, thread } from './control'
import { interleaveActivations } from './interleave-activations'
import { inputOf, outputOf } from './matrix-groups'
import { MXFP4_ZERO, unpackMxfp4 } from './tile-mxfp4-unpacked'
import { tileUnpackedQ4x4, unpackQ4 } from './tile-q4-unpacked'
import { tileUnpackedQ4mx4, unpackedBytesQ4m, unpackQ4m } from './tile-q4m-unpacked'

/**
 * Minimum activation rows of a matrix for which it pays to unpack its 4-bit weights (assembly/tile-q4-unpacked.ts). For
 * fewer, reading the unpacked weights takes longer than computing with them saves. The table lookups of mxfp4 are
 * slower, so unpacking pays sooner there. Weights of q4m, q3 and q2 count as q4: the latter two are widened first.
 */
enum LeastUnpacked {
  q4 = 16,
  mxfp4 = 4,
}

/** Whether this tier unpacks weights of this format for long lists. */
export function isUnpackable(format: u32): bool {
  if (format == WeightCode.f32 || format == WeightCode.q8 || format == WeightCode.mxfp4_f32) return false
  return ASC_FEATURE_RELAXED_SIMD
}

/** Whether it pays to unpack the 4-bit weights of a matrix for `count` activation rows. */
export function unpacks(format: u32, count: u32): bool {
  if (!isUnpackable(format)) return false
  return count >= <u32>(format == WeightCode.mxfp4 ? LeastUnpacked.mxfp4 : LeastUnpacked.q4)
}

/** Entries at the beginning of a list that are multiplied four at a time. Three also count as four, the last one twice. */
export function foursOf(count: u32): u32 {
  return (count + 1) & ~3
}

/** Bytes of four interleaved rows. */
function interleavedBytes(columns: usize): usize {
  return (columns >> 5) * INTERLEAVED_BLOCK_BYTES
}

/** Scratch of this thread for the interleaved activations of INTERLEAVED_ROWS rows. */
function interleavedRows(columns: usize): usize {
  return arg(MatmulArg.interleaved) + thread * (<usize>INTERLEAVED_ROWS >> 2) * interleavedBytes(columns)
}

/** Interleaves the activations of a list, four by four. */
export function interleaveList(format: u32, columns: usize, list: usize, count: u32): void {
  const zero: i16 = format == WeightCode.q4m ? 0 : format == WeightCode.mxfp4 ? MXFP4_ZERO : 8
  const fours = foursOf(count)
  let to = interleavedRows(columns)
  for (let i: u32 = 0; i < fours; i += 4, list += 4 * LIST_ENTRY_BYTES, to += interleavedBytes(columns)) {
    const b = list + LIST_ENTRY_BYTES
    const c = b + LIST_ENTRY_BYTES
    const d = i + 3 < count ? c + LIST_ENTRY_BYTES : c
    interleaveActivations(inputOf(list), inputOf(b), inputOf(c), inputOf(d), columns, zero, to)
  }
}

/**
 * Multiplies one band of 4-bit weights, unpacked once for all rows, with the activations that interleaveList has put
 * into the scratch.
 */
export function multiplyUnpacked(
  format: u32,
  weights: usize,
  columns: usize,
  list: usize,
  count: u32,
  offset: usize,
): void {
  // The largest band of all formats: two threads may unpack matrices of different ones at once.
  const unpacked: usize = arg(MatmulArg.unpacked) + thread * unpackedBytesQ4m(columns)
  if (format == WeightCode.q4) unpackQ4(weights, columns, unpacked)
  else if (format == WeightCode.q4m) unpackQ4m(weights, columns, unpacked)
  else unpackMxfp4(weights, columns, unpacked)
  const fours = foursOf(count)
  let rows = interleavedRows(columns)
  for (let i: u32 = 0; i < fours; i += 4, list += 4 * LIST_ENTRY_BYTES, rows += interleavedBytes(columns)) {
    const b = list + LIST_ENTRY_BYTES
    const c = b + LIST_ENTRY_BYTES
    const d = i + 3 < count ? c + LIST_ENTRY_BYTES : c
    const out0 = outputOf(list) + offset
    const out1 = outputOf(b) + offset
    const out2 = outputOf(c) + offset
    const out3 = outputOf(d) + offset
    if (format == WeightCode.q4m) tileUnpackedQ4mx4(unpacked, columns, rows, out0, out1, out2, out3)
    else tileUnpackedQ4x4(unpacked, columns, rows, out0, out1, out2, out3)
  }
}
