/*
 * Grouped matrix product: several matrices of one shape, each with its own format and list of activation rows. In decode
 * the groups are the k chosen experts with one row each; in prefill, all experts with the rows that were routed to them.
 *
 * A chunk is a range of output rows of one group, for all activation rows of the group, so that weights are read from
 * memory only once for all tokens. Every output element is the same sum in the same order, whatever its chunk and the
 * other rows are.
 *
 * Arguments: MatmulArg, with tables of Group and lists of ListEntry (src/runtime/abi/products.ts).
 */
import {
  Activation,
  INTERLEAVED_BLOCK_BYTES,
  INTERLEAVED_ROWS,
  MATRIX_ALIGNMENT,
  TILE_COLUMNS,
  TileBytes,
  WeightCode,
} from '../src/runtime/abi/formats'
import { GROUP_BYTES, Group, LIST_ENTRY_BYTES, ListEntry, MatmulArg } from '../src/runtime/abi/products'
import { activate, clampUp } from './activation'
import { arg, argf, thread } from './control'
import { interleaveActivations } from './interleave-activations'
import { mxfp4Floats } from './mxfp4-floats'
import { quantizeBlocks } from './quantize'
import { tileF32x1, tileF32x4 } from './tile-f32'
import { tileMxfp4x1, tileMxfp4x4 } from './tile-mxfp4'
import { MXFP4_ZERO, unpackMxfp4 } from './tile-mxfp4-unpacked'
import { tileQ2x1 } from './tile-q2'
import { tileQ3x1 } from './tile-q3'
import { tileQ4x1, tileQ4x4 } from './tile-q4'
import { tilePairQ4x2, tilePairQ4x4 } from './tile-q4-pair'
import { tileUnpackedQ4x4, unpackedBytes, unpackQ4 } from './tile-q4-unpacked'
import { tileQ4mx1, tileQ4mx4 } from './tile-q4m'
import { tilePairQ4mx2, tilePairQ4mx4 } from './tile-q4m-pair'
import { tileUnpackedQ4mx4, unpackedBytesQ4m, unpackQ4m } from './tile-q4m-unpacked'
import { tileQ8x1, tileQ8x4 } from './tile-q8'
import { widenTiles } from './widen-tiles'

/**
 * Minimum activation rows of a matrix for which it pays to unpack its 4-bit weights (assembly/tile-q4-unpacked.ts). For
 * fewer, reading the unpacked weights takes longer than computing with them saves. The table lookups of mxfp4 are
 * slower, so unpacking pays sooner there. Weights of q4m, q3 and q2 count as q4: the latter two are widened first.
 */
enum LeastUnpacked {
  q4 = 16,
  mxfp4 = 4,
}

/**
 * Minimum activation rows of a matrix for which the relaxed tier widens its q3 or q2 weights, by whether V8 fuses pairs
 * of vectors. It fuses the product of one row and not the widening.
 */
enum LeastWidened {
  unfused = 2,
  fused = 4,
}

export function tileBytes(format: u32): usize {
  if (format == WeightCode.f32) return TileBytes.f32
  if (format == WeightCode.q8) return TileBytes.q8
  if (format == WeightCode.q4m) return TileBytes.q4m
  if (format == WeightCode.q3) return TileBytes.q3
  return format == WeightCode.q2 ? TileBytes.q2 : TileBytes.q4
}

/** Bytes of a group of 8 rows. */
export function bandBytes(format: u32, columns: usize): usize {
  return (columns / TILE_COLUMNS) * tileBytes(format)
}

/** WeightCode of a group's matrix; `usual` is that of the call. */
export function formatOf(group: usize, usual: u32): u32 {
  const mark = load<u32>(group, Group.weights) & (MATRIX_ALIGNMENT - 1)
  return mark == 0 ? usual : mark - 1
}

/** Address of a group's matrix. */
export function weightsOf(group: usize): usize {
  return load<u32>(group, Group.weights) & ~(MATRIX_ALIGNMENT - 1)
}

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
 * The same for q4 and q4m weights in the relaxed tier: four rows, two rows or one at a time, always both bands at once. If
 * very many rows follow, the weights are first widened for all of them.
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

/** Whether it pays to widen the q3 or q2 weights of a matrix for `count` activation rows. */
function widens(count: u32): bool {
  if (!ASC_FEATURE_RELAXED_SIMD) return ASC_FEATURE_SIMD || count > 1
  return count >= <u32>(arg(MatmulArg.fuses) == 0 ? LeastWidened.unfused : LeastWidened.fused)
}

/** Whether this tier unpacks weights of this format for long lists. */
function isUnpackable(format: u32): bool {
  if (format == WeightCode.f32 || format == WeightCode.q8 || format == WeightCode.mxfp4_f32) return false
  return ASC_FEATURE_RELAXED_SIMD
}

/** Whether it pays to unpack the 4-bit weights of a matrix for `count` activation rows. */
function unpacks(format: u32, count: u32): bool {
  if (!isUnpackable(format)) return false
  return count >= <u32>(format == WeightCode.mxfp4 ? LeastUnpacked.mxfp4 : LeastUnpacked.q4)
}

/** Entries at the beginning of a list that are multiplied four at a time. Three also count as four, the last one twice. */
function foursOf(count: u32): u32 {
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
function interleaveList(format: u32, columns: usize, list: usize, count: u32): void {
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
 * Multiplies one band of 4-bit weights, unpacked once for all rows, with the activations that interleaveList has put into
 * the scratch.
 */
function multiplyUnpacked(format: u32, weights: usize, columns: usize, list: usize, count: u32, offset: usize): void {
  const bytes = format == WeightCode.q4m ? unpackedBytesQ4m(columns) : unpackedBytes(columns)
  const unpacked: usize = arg(MatmulArg.unpacked) + thread * bytes
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

/** Unpacks two bands of mxfp4 weights as floats, one after the other; one if `apart` is 0. Returns their address. */
function floatBands(weights: usize, apart: usize, columns: usize): usize {
  const band = columns << 5
  const floats: usize = arg(MatmulArg.unpacked) + thread * (band << 1)
  mxfp4Floats(weights, columns, floats)
  if (apart != 0) mxfp4Floats(weights + apart, columns, floats + band)
  return floats
}

/** Widens two bands of q3 or q2 weights to 4 bits, one after the other; one if `apart` is 0. Returns their address. */
function wideBands(format: u32, weights: usize, apart: usize, columns: usize): usize {
  const band = bandBytes(WeightCode.q4, columns)
  const wide: usize = arg(MatmulArg.widened) + thread * (band << 1)
  widenTiles(format, weights, columns, wide)
  if (apart != 0) widenTiles(format, weights + apart, columns, wide + band)
  return wide
}

/** Address of the activations of an entry of a list. */
function inputOf(entry: usize): usize {
  return arg(MatmulArg.input) + load<u32>(entry, ListEntry.input) * arg(MatmulArg.inputStride)
}

/** Address of the output row of an entry of a list. */
function outputOf(entry: usize): usize {
  return arg(MatmulArg.output) + load<u32>(entry, ListEntry.output) * arg(MatmulArg.outputStride)
}

/**
 * Adds the bias and computes act(gate) * up of the rows [from, to) of one product, both multiples of 64, and their
 * records.
 */
function gate(index: u32, from: u32, to: u32, bias: usize): void {
  const product: usize = arg(MatmulArg.output) + index * arg(MatmulArg.outputStride)
  const out: usize = arg(MatmulArg.gated) + index * arg(MatmulArg.gatedStride)
  const kind = arg(MatmulArg.activation)
  if (bias != 0) addBias(product, from, to, bias)
  for (let r: usize = from; r < to; r += 2 * TILE_COLUMNS) {
    const gates = product + (r << 2)
    const ups = gates + <usize>TILE_COLUMNS * 4
    const target = out + (r << 1)
    activate(kind, gates, TILE_COLUMNS)
    if (kind == Activation.clamped_swiglu) clampUp(ups, TILE_COLUMNS)
    if (ASC_FEATURE_SIMD) {
      for (let i: usize = 0; i < <usize>TILE_COLUMNS * 4; i += 16) {
        v128.store(target + i, f32x4.mul(v128.load(gates + i), v128.load(ups + i)))
      }
    } else {
      for (let i: usize = 0; i < <usize>TILE_COLUMNS * 4; i += 4) {
        store<f32>(target + i, load<f32>(gates + i) * load<f32>(ups + i))
      }
    }
  }
  if (arg(MatmulArg.records) == 0) return
  const record = arg(MatmulArg.records) + index * arg(MatmulArg.recordStride)
  quantizeBlocks(out, record, arg(MatmulArg.recordColumns), from >> 6, to >> 6)
}

/** Adds a bias to the rows [from, to) of one output. */
function addBias(out: usize, from: usize, to: usize, bias: usize): void {
  for (let i = from << 2; i < to << 2; i += 4) store<f32>(out + i, load<f32>(out + i) + load<f32>(bias + i))
}

/**
 * Applies bias, factor, activation function and quantisation to the rows [from, to) of one output, while they are still
 * in the cache.
 */
function finish(index: u32, from: u32, to: u32, rows: u32, bias: usize): void {
  const out: usize = arg(MatmulArg.output) + index * arg(MatmulArg.outputStride)
  if (bias != 0) addBias(out, from, to, bias)
  const scale = argf(MatmulArg.scale)
  if (scale != 1) for (let p = out + (from << 2); p < out + (to << 2); p += 4) store<f32>(p, load<f32>(p) * scale)
  activate(arg(MatmulArg.activation), out + (from << 2), to - from)
  if (arg(MatmulArg.records) != 0) {
    const columns = arg(MatmulArg.recordColumns)
    let end = to
    if (to == rows) for (; end < columns; end++) store<f32>(out + (end << 2), 0)
    quantizeBlocks(out, arg(MatmulArg.records) + index * arg(MatmulArg.recordStride), columns, from >> 5, end >> 5)
  }
}
