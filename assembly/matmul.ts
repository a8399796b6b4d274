/*
 * Grouped matrix product: several matrices of one shape, each with its own format and list of activation rows. In decode
 * the groups are the k chosen experts with one row each; in prefill, all experts with the rows that were routed to them.
 *
 * A chunk is a range of output rows of one group, for all activation rows of the group, so that weights are read from
 * memory only once for all tokens. Every output element is the same sum in the same order, whatever its chunk and the
 * other rows are.
 *
 * Many rows are multiplied with 4-bit weights that have been unpacked (unpacked-product.ts), and some formats with the
 * product of another one (converted-bands.ts). Bias, activation and records follow (product-epilogue.ts).
 *
 * Arguments: MatmulArg, with tables of Group and lists of ListEntry (src/kernels/abi/products.ts).
 */
import { INTERLEAVED_ROWS, WeightCode } from '../src/kernels/abi/formats'
import { GROUP_BYTES, Group, LIST_ENTRY_BYTES, ListEntry, MatmulArg } from '../src/kernels/abi/products'
import { arg, argf } from './control'
import { floatBands, wideBands, widens } from './converted-bands'
import { formatOf, inputOf, outputOf, weightsOf } from './matrix-groups'
import { finish, gate } from './product-epilogue'
import { bandBytes } from './tile-bytes'
import { tileF32x1, tileF32x4 } from './tile-f32'
import { tileMxfp4x1, tileMxfp4x4 } from './tile-mxfp4'
import { tileQ2x1 } from './tile-q2'
import { tileQ3x1 } from './tile-q3'
import { tileQ4x1, tileQ4x4 } from './tile-q4'
import { tilePairQ4x2, tilePairQ4x4 } from './tile-q4-pair'
import { tileQ4mx1, tileQ4mx4 } from './tile-q4m'
import { tilePairQ4mx2, tilePairQ4mx4 } from './tile-q4m-pair'
import { tileQ8x1, tileQ8x4 } from './tile-q8'
import { foursOf, interleaveList, isUnpackable, multiplyUnpacked, unpacks } from './unpacked-product'

/** Computes the chunks [first, last), group by group. */
export function matmul(first: u32, last: u32): void {
  const perGroup = arg(MatmulArg.chunksPerGroup)
  const step = arg(MatmulArg.chunkRows)
  const rows = (arg(MatmulArg.rows) + 7) & ~7
  while (first < last) {
    const group = first / perGroup
    const end = min(last, (group + 1) * perGroup)
    const start = group * perGroup
    multiplyRows(
      arg(MatmulArg.groups) + group * GROUP_BYTES,
      (first - start) * step,
      min((end - start) * step, rows),
      rows,
    )
    first = end
  }
}

/** Computes the output rows [from, to) of one group for every activation row of its list. */
function multiplyRows(group: usize, from: u32, to: u32, rows: u32): void {
  const format = formatOf(group, arg(MatmulArg.format))
  const columns: usize = arg(MatmulArg.columns)
  const list: usize = load<u32>(group, Group.list)
  const count = load<u32>(group, Group.count)

  // Weights that are unpacked meet a limited number of rows at once, whose activations fit the second-level cache.
  const most = isUnpackable(format) ? <u32>INTERLEAVED_ROWS : count
  for (let i: u32 = 0; i < count; i += most) {
    multiplyBands(group, format, from, to, columns, list + i * LIST_ENTRY_BYTES, min(most, count - i))
  }

  const bias: usize = load<u32>(group, Group.bias)
  if (arg(MatmulArg.gated) != 0) {
    for (let i: u32 = 0; i < count; i++) gate(load<u32>(list + i * LIST_ENTRY_BYTES, ListEntry.output), from, to, bias)
  } else if (bias != 0 || arg(MatmulArg.activation) != 0 || arg(MatmulArg.records) != 0 || argf(MatmulArg.scale) != 1) {
    for (let i: u32 = 0; i < count; i++) {
      finish(load<u32>(list + i * LIST_ENTRY_BYTES, ListEntry.output), from, to, rows, bias)
    }
  }
}

/** Computes the output rows [from, to) of one group for `count` activation rows of its list. */
function multiplyBands(group: usize, format: u32, from: u32, to: u32, columns: usize, list: usize, count: u32): void {
  if (ASC_FEATURE_RELAXED_SIMD && unpacks(format, count)) interleaveList(format, columns, list, count)
  const band = bandBytes(format, columns)
  const first: usize = weightsOf(group) + (from >> 3) * band
  // The two halves of the rows are computed side by side. A single activation row reads its weights straight from
  // memory, and a core fetches two long streams, waiting for the ends of their pages together, up to 1.4 times as fast
  // as one.
  const bands = (to - from) >> 3
  const half = (bands + 1) >> 1
  for (let b: usize = 0; b < half; b++) {
    // With an odd number of bands the last one is its own partner and is computed twice.
    const apart = b + half < bands ? half : 0
    multiplyPair(format, first + b * band, apart * band, columns, list, count, (from << 2) + (b << 5), apart << 5)
  }
}

/**
 * Multiplies two bands, which are `apart` bytes apart, with every activation row of the list: four rows at a time, band
 * after band, while there are four; then one row at a time, both bands at once. `offset` is the offset of the first
 * band's floats in an output row, and the second's are `outApart` bytes further.
 */
function multiplyPair(
  format: u32,
  weights: usize,
  apart: usize,
  columns: usize,
  list: usize,
  count: u32,
  offset: usize,
  outApart: usize,
): void {
  if (ASC_FEATURE_RELAXED_SIMD && (format == WeightCode.q4 || format == WeightCode.q4m)) {
    multiplyRelaxedQ4(format, weights, apart, columns, list, count, offset, outApart)
    return
  }
  if (format == WeightCode.mxfp4_f32) {
    const floats = floatBands(weights, apart, columns)
    multiplyPair(WeightCode.f32, floats, apart == 0 ? 0 : columns << 5, columns, list, count, offset, outApart)
    return
  }
  if ((format == WeightCode.q3 || format == WeightCode.q2) && widens(count)) {
    const wide = wideBands(format, weights, apart, columns)
    const wideApart = apart == 0 ? 0 : bandBytes(WeightCode.q4, columns)
    multiplyPair(WeightCode.q4, wide, wideApart, columns, list, count, offset, outApart)
    return
  }
  if (ASC_FEATURE_RELAXED_SIMD && format == WeightCode.mxfp4 && unpacks(format, count)) {
    multiplyUnpacked(format, weights, columns, list, count, offset)
    if (apart != 0) multiplyUnpacked(format, weights + apart, columns, list, count, offset + outApart)
    const done = min(foursOf(count), count)
    list += done * LIST_ENTRY_BYTES
    count -= done
  }
  const fours = count & ~3
  for (let i: u32 = 0; i < fours; i += 4, list += 4 * LIST_ENTRY_BYTES) {
    multiplyFour(format, weights, columns, list, offset)
    if (apart != 0) multiplyFour(format, weights + apart, columns, list, offset + outApart)
  }
  const second = weights + apart
  for (let i = fours; i < count; i++, list += LIST_ENTRY_BYTES) {
    const a = inputOf(list)
    const out = outputOf(list) + offset
    if (format == WeightCode.q4) tileQ4x1(weights, second, columns, a, out, out + outApart)
    else if (format == WeightCode.q8) tileQ8x1(weights, second, columns, a, out, out + outApart)
    else if (format == WeightCode.mxfp4) tileMxfp4x1(weights, second, columns, a, out, out + outApart)
    else if (format == WeightCode.q4m) tileQ4mx1(weights, second, columns, a, out, out + outApart)
    else if (format == WeightCode.q3) tileQ3x1(weights, second, columns, a, out, out + outApart)
    else if (format == WeightCode.q2) tileQ2x1(weights, second, columns, a, out, out + outApart)
    else tileF32x1(weights, second, columns, a, out, out + outApart)
  }
}

/** Multiplies one band with the four activation rows of the list from entry `a` on. */
function multiplyFour(format: u32, weights: usize, columns: usize, a: usize, offset: usize): void {
  const b = a + LIST_ENTRY_BYTES
  const c = b + LIST_ENTRY_BYTES
  const d = c + LIST_ENTRY_BYTES
  const x0 = inputOf(a)
  const x1 = inputOf(b)
  const x2 = inputOf(c)
  const x3 = inputOf(d)
  const out0 = outputOf(a) + offset
  const out1 = outputOf(b) + offset
  const out2 = outputOf(c) + offset
  const out3 = outputOf(d) + offset
  if (format == WeightCode.q4) tileQ4x4(weights, columns, x0, x1, x2, x3, out0, out1, out2, out3)
  else if (format == WeightCode.q8) tileQ8x4(weights, columns, x0, x1, x2, x3, out0, out1, out2, out3)
  else if (format == WeightCode.mxfp4) tileMxfp4x4(weights, columns, x0, x1, x2, x3, out0, out1, out2, out3)
  else if (format == WeightCode.q4m) tileQ4mx4(weights, columns, x0, x1, x2, x3, out0, out1, out2, out3)
  else tileF32x4(weights, columns, x0, x1, x2, x3, out0, out1, out2, out3)
}

/**
 * Multiplies two bands of q4 or q4m weights in the relaxed tier: with four rows, two rows or one at a time, always both
 * bands at once. For a long list, the weights are first unpacked for all its rows.
 */
function multiplyRelaxedQ4(
  format: u32,
  weights: usize,
  apart: usize,
  columns: usize,
  list: usize,
  count: u32,
  offset: usize,
  outApart: usize,
): void {
  const second = weights + apart
  const end = list + count * LIST_ENTRY_BYTES
  if (unpacks(format, count)) {
    multiplyUnpacked(format, weights, columns, list, count, offset)
    if (apart != 0) multiplyUnpacked(format, second, columns, list, count, offset + outApart)
    list += min(foursOf(count), count) * LIST_ENTRY_BYTES
  }
  for (; list + 4 * LIST_ENTRY_BYTES <= end; list += 4 * LIST_ENTRY_BYTES) {
    const b = list + LIST_ENTRY_BYTES
    const c = b + LIST_ENTRY_BYTES
    const d = c + LIST_ENTRY_BYTES
    const x0 = inputOf(list)
    const x1 = inputOf(b)
    const x2 = inputOf(c)
    const x3 = inputOf(d)
    const out0 = outputOf(list) + offset
    const out1 = outputOf(b) + offset
    const out2 = outputOf(c) + offset
    const out3 = outputOf(d) + offset
    if (format == WeightCode.q4) {
      tilePairQ4x4(weights, second, columns, x0, x1, x2, x3, out0, out1, out2, out3, outApart)
    } else {
      tilePairQ4mx4(weights, second, columns, x0, x1, x2, x3, out0, out1, out2, out3, outApart)
    }
  }
  if (list + 2 * LIST_ENTRY_BYTES <= end) {
    const b = list + LIST_ENTRY_BYTES
    const out = outputOf(list) + offset
    const outB = outputOf(b) + offset
    if (format == WeightCode.q4) tilePairQ4x2(weights, second, columns, inputOf(list), inputOf(b), out, outB, outApart)
    else tilePairQ4mx2(weights, second, columns, inputOf(list), inputOf(b), out, outB, outApart)
    list = b + LIST_ENTRY_BYTES
  }
  if (list < end) {
    const out = outputOf(list) + offset
    if (format == WeightCode.q4) tileQ4x1(weights, second, columns, inputOf(list), out, out + outApart)
    else tileQ4mx1(weights, second, columns, inputOf(list), out, out + outApart)
  }
}
