/*
 * RMSNorm and gate of rows, in place, before the product that reads them:
 *
 *   o = norm(o) * g(z)        or, if the gate comes first,        o = norm(o * g(z))
 *
 * and o's record if that product reads quantised activations. The norm spans a head or the whole row. g is sigmoid or
 * silu, or gates are taken as they are, one for each span of columns. Norm and gate can be left out.
 *
 * Arguments: GatedRowsArg (src/kernels/abi/rows.ts). Padding of the rows is zero and stays so. Bit-identical in all
 * tiers.
 */
import { GatedRowsArg, GateKind } from '../src/kernels/abi/rows'
import { arg, argf } from './control'
import { dot } from './dot'
import { sigmoid, sigmoid4 } from './math'
import { quantizeBlocks } from './quantize'
import { scaleRow } from './scale-row'

export function gatedRows(chunk: u32): void {
  const from = chunk * arg(GatedRowsArg.chunkRows)
  const to = min(from + arg(GatedRowsArg.chunkRows), arg(GatedRowsArg.count))
  const records: usize = arg(GatedRowsArg.records)
  const padded: usize = arg(GatedRowsArg.stride) >> 2
  const gatesFirst = arg(GatedRowsArg.gatesFirst) != 0
  const isGated = arg(GatedRowsArg.gates) != 0
  for (let index = from; index < to; index++) {
    const row: usize = arg(GatedRowsArg.rows) + index * arg(GatedRowsArg.stride)
    const gates: usize = arg(GatedRowsArg.gates) + index * arg(GatedRowsArg.gateStride)
    if (isGated && gatesFirst) multiply(row, gates)
    if (arg(GatedRowsArg.span) != 0) normalise(row)
    if (isGated && !gatesFirst) multiply(row, gates)
    if (records != 0) quantizeBlocks(row, records + index * arg(GatedRowsArg.recordStride), padded, 0, padded >> 5)
  }
}

/** Normalises each span of a row by itself. */
function normalise(row: usize): void {
  const end = row + ((<usize>arg(GatedRowsArg.columns)) << 2)
  const span: usize = arg(GatedRowsArg.span)
  let weight: usize = arg(GatedRowsArg.weight)
  for (let part = row; part < end; part += span << 2, weight += arg(GatedRowsArg.weightStep)) {
    const square = dot<f32>(part, part, span) / <f32>span
    scaleRow(part, part, span, <f32>1.0 / sqrt<f32>(square + argf(GatedRowsArg.epsilon)), weight)
  }
}

/** o *= z, with one z for each span of columns. */
function multiplySpans(o: usize, z: usize): void {
  const span: usize = arg(GatedRowsArg.perGate) << 2
  const end = o + ((<usize>arg(GatedRowsArg.columns)) << 2)
  for (; o < end; o += span, z += 4) {
    const gate = load<f32>(z)
    for (let i: usize = 0; i < span; i += 4) store<f32>(o + i, load<f32>(o + i) * gate)
  }
}

/** o *= g(z); the columns are rounded up to a multiple of four, within the padding. */
function multiply(o: usize, z: usize): void {
  if (arg(GatedRowsArg.kind) == GateKind.plain) return multiplySpans(o, z)
  const bytes = (<usize>((arg(GatedRowsArg.columns) + 3) & ~3)) << 2
  const isSilu = arg(GatedRowsArg.kind) == GateKind.silu
  if (ASC_FEATURE_SIMD) {
    for (let i: usize = 0; i < bytes; i += 16) {
      const x = v128.load(z + i)
      const s = sigmoid4(x)
      v128.store(o + i, f32x4.mul(v128.load(o + i), isSilu ? f32x4.mul(x, s) : s))
    }
  } else {
    for (let i: usize = 0; i < bytes; i += 4) {
      const x = load<f32>(z + i)
      const s = sigmoid(x)
      store<f32>(o + i, load<f32>(o + i) * (isSilu ? x * s : s))
    }
  }
}
