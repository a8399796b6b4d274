/*
 * Summary of rows of logits: the largest logit of each row, its index, and the sum of e^(logit - largest). With it,
 * log-softmax and greedy sampling need no further pass over the vocabulary. The peaks, the largest of each PEAK_LOGITS
 * neighbouring logits, spare top-k sampling most of one.
 *
 * A chunk summarises its part of a row; the host combines the parts. NaN logits are ignored.
 * Exactness: blocks of 256 logits are summed in single precision in 16 chains, as a fixed tree, and the blocks in
 * double: bit-identical in all tiers, within 1e-6 of the exact sum. The sum of a part without any finite logit is NaN.
 *
 * Arguments: SummaryArg, results: SummaryField (src/kernels/abi/measures.ts).
 */
import { PEAK_LOGITS, SUMMARY_BYTES, SummaryArg, SummaryField } from '../src/kernels/abi/measures'
import { arg } from './control'
import { exp, exp4 } from './math'

const BLOCK: usize = 1024

export function summary(chunk: u32): void {
  const chunksPerRow = arg(SummaryArg.chunksPerRow)
  const row: usize = arg(SummaryArg.rows) + (chunk / chunksPerRow) * arg(SummaryArg.stride)
  const from = row + (((chunk % chunksPerRow) * arg(SummaryArg.chunkCount)) << 2)
  const to = min(from + ((<usize>arg(SummaryArg.chunkCount)) << 2), row + ((<usize>arg(SummaryArg.count)) << 2))
  const result: usize = arg(SummaryArg.results) + chunk * SUMMARY_BYTES
  const peaks: usize =
    arg(SummaryArg.peaks) + (chunk / chunksPerRow) * arg(SummaryArg.peakStride) + (from - row) / PEAK_LOGITS
  const most = peaksOf(from, to, peaks)
  let sum: f64 = 0
  for (let p = from; p < to; p += BLOCK) sum += <f64>sumOfBlock(p, min(p + BLOCK, to), most)
  store<f64>(result, sum, SummaryField.sum)
  store<f32>(result, most, SummaryField.largest)
  store<u32>(result, (find(most, from, to) - row) >> 2, SummaryField.index)
}

/** Writes the largest of each PEAK_LOGITS logits; returns the largest of all. */
function peaksOf(from: usize, to: usize, peaks: usize): f32 {
  let most: f32 = -Infinity
  for (let p = from; p < to; p += PEAK_LOGITS << 2, peaks += 4) {
    const peak = largest(p, min(p + (PEAK_LOGITS << 2), to))
    store<f32>(peaks, peak)
    most = most < peak ? peak : most
  }
  return most
}

export function largest(from: usize, to: usize): f32 {
  let most: f32 = -Infinity
  let p = from
  if (ASC_FEATURE_SIMD) {
    let m = f32x4.splat(most)
    for (; p + 16 <= to; p += 16) m = f32x4.pmax(m, v128.load(p))
    m = f32x4.pmax(m, v128.shuffle<i32>(m, m, 2, 3, 0, 1))
    m = f32x4.pmax(m, v128.shuffle<i32>(m, m, 1, 0, 3, 2))
    most = f32x4.extract_lane(m, 0)
  }
  for (; p < to; p += 4) {
    const x = load<f32>(p)
    most = most < x ? x : most
  }
  return most
}

/** Address of the first float equal to `value`, or `to`. */
function find(value: f32, from: usize, to: usize): usize {
  let p = from
  if (ASC_FEATURE_SIMD) {
    const wanted = f32x4.splat(value)
    while (p + 16 <= to && !v128.any_true(f32x4.eq(v128.load(p), wanted))) p += 16
  }
  while (p < to && load<f32>(p) != value) p += 4
  return p
}

/**
 * Sum of e^(logit - most) of at most 256 logits. Chain c takes elements c, c + 16, ...; missing elements of the last
 * step count as 0.
 */
export function sumOfBlock(from: usize, to: usize, most: f32): f32 {
  if (ASC_FEATURE_SIMD) {
    const m = f32x4.splat(most)
    let s0 = f32x4.splat(0)
    let s1 = f32x4.splat(0)
    let s2 = f32x4.splat(0)
    let s3 = f32x4.splat(0)
    let p = from
    for (; p + 64 <= to; p += 64) {
      s0 = f32x4.add(s0, share4(v128.load(p), m))
      s1 = f32x4.add(s1, share4(v128.load(p, 16), m))
      s2 = f32x4.add(s2, share4(v128.load(p, 32), m))
      s3 = f32x4.add(s3, share4(v128.load(p, 48), m))
    }
    if (p < to) {
      s0 = f32x4.add(s0, share4(tail(p, to), m))
      s1 = f32x4.add(s1, share4(tail(p + 16, to), m))
      s2 = f32x4.add(s2, share4(tail(p + 32, to), m))
      s3 = f32x4.add(s3, share4(tail(p + 48, to), m))
    }
    const s = f32x4.add(f32x4.add(s0, s1), f32x4.add(s2, s3))
    return f32x4.extract_lane(s, 0) + f32x4.extract_lane(s, 1) + (f32x4.extract_lane(s, 2) + f32x4.extract_lane(s, 3))
  } else {
    return (
      column(from, to, most, 0) + column(from, to, most, 4) + (column(from, to, most, 8) + column(from, to, most, 12))
    )
  }
}

/** Loads the four floats at p, with NaN for floats from `to` on. */
function tail(p: usize, to: usize): v128 {
  const missing = f32x4.splat(NaN)
  if (p >= to) return missing
  if (p + 16 <= to) return v128.load(p)
  let x = f32x4.replace_lane(missing, 0, load<f32>(p))
  if (p + 4 < to) x = f32x4.replace_lane(x, 1, load<f32>(p, 4))
  if (p + 8 < to) x = f32x4.replace_lane(x, 2, load<f32>(p, 8))
  return x
}

/** Chains lane, lane + 4, lane + 8 and lane + 12, added pairwise; `offset` is 4 * lane. */
function column(from: usize, to: usize, most: f32, offset: usize): f32 {
  const p = from + offset
  return chain(p, to, most) + chain(p + 16, to, most) + (chain(p + 32, to, most) + chain(p + 48, to, most))
}

function chain(from: usize, to: usize, most: f32): f32 {
  let sum: f32 = 0
  for (let p = from; p < to; p += 64) sum += share(load<f32>(p), most)
  return sum
}

/** e^(x - most), and 0 if x is NaN. */
function share(x: f32, most: f32): f32 {
  return x <= most ? exp(x - most) : 0
}

function share4(x: v128, most: v128): v128 {
  return v128.and(exp4(f32x4.sub(x, most)), f32x4.le(x, most))
}
