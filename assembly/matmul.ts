/*
 * Grouped matrix product: several matrices of one shape and format, each with its own list of activation rows. In decode
 * the groups are the k chosen experts with one row each; in prefill, all experts with the rows that were routed to them.
 *
 * A chunk is a range of output rows of one group, for all activation rows of the group, so that weights are read from
 * memory once however many tokens they serve. Every output element is the same sum in the same order in whatever chunk
 * and beside whatever other rows it is computed.
 *
 * Arguments: 0 weight format (F32, Q8, Q4)   1 columns, a multiple of 32   2 rows   3 table of groups
 *   4 chunks per group   5 output rows per chunk (a multiple of 32 when 11 is set, else of 8)
 *   6 activations: rows of floats for F32, else records (quantize.ts)   7 bytes from one of them to the next
 *   8 output, rows of floats, with room for `rows` rounded up to 8 (to 32 when 11 is set)   9 bytes between them
 *   10 activation function   11 records of the activated output, or 0   12 bytes between them   13 columns of a record
 *   14 scratch for unpacked weights, unpackedBytes(columns) a thread   15 activation rows at once: 1 or 4 (relaxed Q4)
 * Group (16 bytes): weights, bias (floats, padded as the rows are, or 0), list, length of the list.
 * List: pairs of u32, index of the activation row and index of the output row.
 */
import { activate } from './activation'
import { arg, thread } from './control'
import { quantizeBlocks } from './quantize'
import { tileF32x1, tileF32x4 } from './tile-f32'
import { tileQ4x1, tileQ4x4 } from './tile-q4'
import { tileUnpackedQ4x1, tileUnpackedQ4x4, unpackedBytes, unpackQ4 } from './tile-q4-unpacked'
import { tileQ8x1, tileQ8x4 } from './tile-q8'

export const F32: u32 = 0
export const Q8: u32 = 1
export const Q4: u32 = 2

/** Bytes of a group of 8 rows. */
export function bandBytes(format: u32, columns: usize): usize {
  const tiles = columns >> 5
  return format == Q4 ? tiles * 144 : format == Q8 ? tiles * 272 : tiles * 1024
}

/** The chunks [first, last), group by group. */
export function matmul(first: u32, last: u32): void {
  const perGroup = arg(4)
  const step = arg(5)
  const rows = (arg(2) + 7) & ~7
  while (first < last) {
    const group = first / perGroup
    const end = min(last, (group + 1) * perGroup)
    const start = group * perGroup
    multiplyRows(arg(3) + group * 16, (first - start) * step, min((end - start) * step, rows), rows)
    first = end
  }
}

/** The output rows [from, to) of one group, for every activation row of its list. */
function multiplyRows(group: usize, from: u32, to: u32, rows: u32): void {
  const format = arg(0)
  const columns: usize = arg(1)
  const list: usize = load<u32>(group, 8)
  const count = load<u32>(group, 12)

  const band = bandBytes(format, columns)
  const first: usize = load<u32>(group) + (from >> 3) * band
  // The two halves of the rows are worked on side by side. One activation row reads its weights straight from memory, and
  // a core fetches two long streams, whose page ends it waits for together, up to 1.4 times as fast as one.
  const bands = (to - from) >> 3
  const half = (bands + 1) >> 1
  for (let b: usize = 0; b < half; b++) {
    // The last band of an odd number is its own partner, and computed twice.
    const apart = b + half < bands ? half : 0
    multiplyPair(format, first + b * band, apart * band, columns, list, count, (from << 2) + (b << 5), apart << 5)
  }

  const bias: usize = load<u32>(group, 4)
  if (bias != 0 || arg(10) != 0 || arg(11) != 0) {
    for (let i: u32 = 0; i < count; i++) finish(load<u32>(list + (i << 3), 4), from, to, rows, bias)
  }
}

/**
 * Two bands, `apart` bytes from one to the other, with every activation row of the list: four rows at a time, band after
 * band, while there are four; then one row at a time, both bands at once. `offset` is that of the first band's floats in
 * an output row, `outApart` how far on the second's are.
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
  // Unpacking pays from the third row on.
  if (ASC_FEATURE_RELAXED_SIMD && format == Q4 && count > 2) {
    multiplyUnpacked(weights, columns, list, count, offset)
    if (apart != 0) multiplyUnpacked(weights + apart, columns, list, count, offset + outApart)
    return
  }
  const fours = count & ~3
  for (let i: u32 = 0; i < fours; i += 4) {
    multiplyFour(format, weights, columns, list + (i << 3), offset)
    if (apart != 0) multiplyFour(format, weights + apart, columns, list + (i << 3), offset + outApart)
  }
  const second = weights + apart
  for (let i = fours; i < count; i++) {
    const a: usize = arg(6) + load<u32>(list + (i << 3)) * arg(7)
    const out: usize = arg(8) + offset + load<u32>(list + (i << 3), 4) * arg(9)
    if (format == Q4) tileQ4x1(weights, second, columns, a, out, out + outApart)
    else if (format == Q8) tileQ8x1(weights, second, columns, a, out, out + outApart)
    else tileF32x1(weights, second, columns, a, out, out + outApart)
  }
}

/** One band with the next four activation rows of the list. */
function multiplyFour(format: u32, weights: usize, columns: usize, list: usize, offset: usize): void {
  const inputs: usize = arg(6)
  const stride: usize = arg(7)
  const outputs: usize = arg(8) + offset
  const outStride: usize = arg(9)
  const a = inputs + load<u32>(list) * stride
  const b = inputs + load<u32>(list, 8) * stride
  const c = inputs + load<u32>(list, 16) * stride
  const d = inputs + load<u32>(list, 24) * stride
  const outA = outputs + load<u32>(list, 4) * outStride
  const outB = outputs + load<u32>(list, 12) * outStride
  const outC = outputs + load<u32>(list, 20) * outStride
  const outD = outputs + load<u32>(list, 28) * outStride
  if (format == Q4) tileQ4x4(weights, columns, a, b, c, d, outA, outB, outC, outD)
  else if (format == Q8) tileQ8x4(weights, columns, a, b, c, d, outA, outB, outC, outD)
  else tileF32x4(weights, columns, a, b, c, d, outA, outB, outC, outD)
}

/** One band of 4-bit weights, widened once for all rows of the list. */
function multiplyUnpacked(weights: usize, columns: usize, list: usize, count: u32, offset: usize): void {
  const inputs: usize = arg(6)
  const stride: usize = arg(7)
  const outputs: usize = arg(8) + offset
  const outStride: usize = arg(9)
  const unpacked: usize = arg(14) + thread * unpackedBytes(columns)
  unpackQ4(weights, columns, unpacked)
  let i: u32 = 0
  if (arg(15) == 4) {
    for (; i + 4 <= count; i += 4, list += 32) {
      tileUnpackedQ4x4(
        unpacked,
        columns,
        inputs + load<u32>(list) * stride,
        inputs + load<u32>(list, 8) * stride,
        inputs + load<u32>(list, 16) * stride,
        inputs + load<u32>(list, 24) * stride,
        outputs + load<u32>(list, 4) * outStride,
        outputs + load<u32>(list, 12) * outStride,
        outputs + load<u32>(list, 20) * outStride,
        outputs + load<u32>(list, 28) * outStride,
      )
    }
  }
  for (; i < count; i++, list += 8) {
    const out = outputs + load<u32>(list, 4) * outStride
    tileUnpackedQ4x1(unpacked, columns, inputs + load<u32>(list) * stride, out)
  }
}

/** Bias, activation function and quantisation of the rows [from, to) of one output, while they are still in the cache. */
function finish(index: u32, from: u32, to: u32, rows: u32, bias: usize): void {
  const out: usize = arg(8) + index * arg(9)
  if (bias != 0) {
    for (let r: usize = from; r < to; r++) {
      const p = out + (r << 2)
      store<f32>(p, load<f32>(p) + load<f32>(bias + (r << 2)))
    }
  }
  activate(arg(10), out + (from << 2), to - from)
  if (arg(11) != 0) {
    const columns = arg(13)
    let end = to
    if (to == rows) for (; end < columns; end++) store<f32>(out + (end << 2), 0)
    quantizeBlocks(out, arg(11) + index * arg(12), columns, from >> 5, end >> 5)
  }
}
