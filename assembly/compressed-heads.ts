/*
 * Heads of compressed convolutional attention. Queries and keys are the sum of what the convolutions give and of the mean
 * of projections; the keys of group j serve the G heads h of queries in it.
 *
 *   m_h = (c_h + c_j) / 2             q_h = m_h + sum of the terms of h         q_h = q_h sqrt(n) / |q_h|
 *   m_j = mean of m_h in group j      k_j = m_j + sum of the terms of j         k_j = k_j sqrt(n) / |k_j| * factor_j
 *   v = the two halves, joined
 *
 * n is the size of a head, and a length counts at least LEAST. Projections, terms and halves are padded to TILE_COLUMNS;
 * the heads that come out are not. Terms are added in their order.
 *
 * Arguments: CompressedHeadsArg (src/kernels/abi/rows.ts). Bit-identical in all tiers.
 */
import { CompressedHeadsArg } from '../src/kernels/abi/rows'
import { arg } from './control'
import { dot } from './dot'

const LEAST: f32 = 1.1920929e-7

export function compressedHeads(chunk: u32): void {
  const from = chunk * arg(CompressedHeadsArg.chunkRows)
  const to = min(from + arg(CompressedHeadsArg.chunkRows), arg(CompressedHeadsArg.count))
  const groups: usize = arg(CompressedHeadsArg.keyValueHeads)
  const bytes = (<usize>arg(CompressedHeadsArg.headSize)) << 2
  for (let t = from; t < to; t++) {
    for (let j: usize = 0; j < groups; j++) prepareGroup(t, j, bytes)
    const half = (groups * bytes) >> 1
    const value = arg(CompressedHeadsArg.values) + t * arg(CompressedHeadsArg.keyStride)
    const halves = arg(CompressedHeadsArg.halves) + t * arg(CompressedHeadsArg.termsStride)
    memory.copy(value, halves, half)
    memory.copy(value + half, halves + arg(CompressedHeadsArg.halfBytes), half)
  }
}

/** Makes the keys of group j, and the queries of its heads, for a token. */
function prepareGroup(t: u32, j: usize, bytes: usize): void {
  const heads: usize = arg(CompressedHeadsArg.heads)
  const size = heads / arg(CompressedHeadsArg.keyValueHeads)
  const space: usize = arg(CompressedHeadsArg.headBytes)
  const projected = arg(CompressedHeadsArg.projected) + t * arg(CompressedHeadsArg.projectedStride)
  const ofKeys = projected + (heads + j) * space
  const queries = arg(CompressedHeadsArg.queries) + t * arg(CompressedHeadsArg.queryStride)
  const key = arg(CompressedHeadsArg.keys) + t * arg(CompressedHeadsArg.keyStride) + j * bytes
  for (let i: usize = 0; i < size; i++) {
    const h = j * size + i
    const query = queries + h * bytes
    blend(query, projected + h * space, 0.5, ofKeys, 0.5, bytes)
    blend(key, i == 0 ? query : key, 1, query, i == 0 ? 0 : 1, bytes)
    addTerms(query, t, h, bytes)
    scale(query, 1, bytes)
  }
  blend(key, key, <f32>1.0 / <f32>size, key, 0, bytes)
  addTerms(key, t, heads + j, bytes)
  scale(key, load<f32>(arg(CompressedHeadsArg.factors) + (j << 2)), bytes)
}

function addTerms(head: usize, t: u32, h: usize, bytes: usize): void {
  const terms: usize = arg(CompressedHeadsArg.terms)
  const space: usize = arg(CompressedHeadsArg.headBytes)
  let term = arg(CompressedHeadsArg.sums) + t * arg(CompressedHeadsArg.termsStride) + h * terms * space
  for (let i: usize = 0; i < terms; i++, term += space) blend(head, head, 1, term, 1, bytes)
}

/** Gives a head the length sqrt(n) factor. */
function scale(head: usize, factor: f32, bytes: usize): void {
  const n = bytes >> 2
  const length = max<f32>(sqrt<f32>(dot<f32>(head, head, n)), LEAST)
  blend(head, head, (sqrt<f32>(<f32>n) / length) * factor, head, 0, bytes)
}

/** to = a f + b g. */
function blend(to: usize, a: usize, f: f32, b: usize, g: f32, bytes: usize): void {
  let i: usize = 0
  if (ASC_FEATURE_SIMD) {
    const f4 = f32x4.splat(f)
    const g4 = f32x4.splat(g)
    for (; i + 16 <= bytes; i += 16) {
      v128.store(to + i, f32x4.add(f32x4.mul(v128.load(a + i), f4), f32x4.mul(v128.load(b + i), g4)))
    }
  }
  for (; i < bytes; i += 4) store<f32>(to + i, load<f32>(a + i) * f + load<f32>(b + i) * g)
}
