/*
 * Recurrence of heads whose state S [keySize, valueSize] is a matrix, token by token: Mamba-2's, the gated delta rule, and
 * Kimi's.
 *
 *   S = d S      e = g v,  or by the delta rule  e = g (v - S^T k)      S = S + k e^T      o = S^T q + skip v
 *
 * d (decay), g (gain) and skip are numbers of a head; heads share the keys and queries of a key head. Kimi's d is a vector
 * with a number for each row of S. S^T k and S^T q are sums over the state before the token, so that one pass over the
 * state updates it for a token and makes both sums for the next one. So the sums are multiplied by d late. If each row has
 * its own d, k and q are multiplied by it for the sums instead.
 *
 * The columns of S do not depend on each other. A chunk is a range of blocks of RECURRENCE_COLUMNS columns; it walks the
 * tokens of each segment with one block, which stays in the first cache. A state holds the blocks of a head one after the
 * other, each [keySize, RECURRENCE_COLUMNS], padded with zeros.
 *
 * A result depends neither on the batch nor on how the text was split. Arguments: RecurrenceArg
 * (src/kernels/abi/states.ts). Padding of the outputs is set to zero. Bit-identical in all tiers.
 */
import { RECURRENCE_COLUMNS, RecurrenceArg, STATE_SEGMENT_BYTES, StateSegment } from '../src/kernels/abi/states'
import { arg, scratch } from './control'
import { dot } from './dot'
import { zero } from './softmax-sums'

/** Bytes of a row of a block. */
const ROW: usize = (<usize>RECURRENCE_COLUMNS) << 2

/** Places in the scratch: the sums S^T k and S^T q, a token's values, and e. Each has RECURRENCE_COLUMNS floats. */
const QUERY_SUMS: usize = ROW
const VALUES: usize = 2 * ROW
const ERRORS: usize = 3 * ROW

export function recurrence(chunk: u32): void {
  const blocksOfHead = (arg(RecurrenceArg.valueSize) + RECURRENCE_COLUMNS - 1) / RECURRENCE_COLUMNS
  const from = chunk * arg(RecurrenceArg.chunkBlocks)
  const to = min(from + arg(RecurrenceArg.chunkBlocks), arg(RecurrenceArg.heads) * blocksOfHead)
  for (let block = from; block < to; block++) {
    for (let i: u32 = 0; i < arg(RecurrenceArg.count); i++) {
      walk(arg(RecurrenceArg.segments) + i * STATE_SEGMENT_BYTES, block, block / blocksOfHead, block % blocksOfHead)
    }
  }
}

/** Computes block `part` of a head, number `block` of all, for the tokens of a segment. */
function walk(segment: usize, block: usize, head: usize, part: usize): void {
  const n: usize = arg(RecurrenceArg.keySize)
  const first: usize = load<u32>(segment, StateSegment.first)
  const count: usize = load<u32>(segment, StateSegment.count)
  const place = arg(RecurrenceArg.stateOffset) + block * n * ROW
  const after = load<u32>(segment, StateSegment.after) + place
  let state: usize = load<u32>(segment, StateSegment.before) + place

  const keyHeads: usize = arg(RecurrenceArg.keyHeads)
  const keyHead = arg(RecurrenceArg.isTiled) != 0 ? head % keyHeads : head / (arg(RecurrenceArg.heads) / keyHeads)
  const stride: usize = arg(RecurrenceArg.stride)
  const column = head * arg(RecurrenceArg.valueSize) + part * RECURRENCE_COLUMNS
  let k: usize = arg(RecurrenceArg.keys) + first * stride + ((keyHead * n) << 2)
  let q: usize = arg(RecurrenceArg.queries) + first * stride + ((keyHead * n) << 2)
  let v: usize = arg(RecurrenceArg.values) + first * stride + (column << 2)
  let o: usize = arg(RecurrenceArg.output) + first * arg(RecurrenceArg.outputStride) + (column << 2)
  let gain: usize = arg(RecurrenceArg.gains) + first * arg(RecurrenceArg.gainStride) + (head << 2)
  const decayStride: usize = arg(RecurrenceArg.decayStride)
  const isByRow = arg(RecurrenceArg.isByRow) != 0
  let d: usize = arg(RecurrenceArg.decays) + first * decayStride + ((isByRow ? head * n : head) << 2)

  const sums = scratch()
  sumUp(state, k, q, d, n, sums)
  for (let t: usize = 1; t <= count; t++) {
    readOut(sums, v, o, isByRow ? 1 : load<f32>(d), load<f32>(gain), dot<f32>(k, q, n), head, part)
    if (t < count) update(state, after, k, d, k + stride, q + stride, d + decayStride, n, sums)
    else updateLast(state, after, k, d, n, sums + ERRORS)
    state = after
    k += stride
    q += stride
    v += stride
    o += arg(RecurrenceArg.outputStride)
    gain += arg(RecurrenceArg.gainStride)
    d += decayStride
  }
}

/**
 * Computes e and o of a block's columns of one token from its sums. `meeting` is k q. Sets the padding of the row if the
 * block is its last one.
 */
function readOut(sums: usize, v: usize, o: usize, decay: f32, gain: f32, meeting: f32, head: usize, part: usize): void {
  const left: usize = arg(RecurrenceArg.valueSize) - part * RECURRENCE_COLUMNS
  const bytes = min<usize>(left << 2, ROW)
  const values = sums + VALUES
  const errors = sums + ERRORS
  if (bytes < ROW) zero(values, ROW)
  copyFloats(v, values, bytes)
  const isDelta = arg(RecurrenceArg.isDelta) != 0
  const skips: usize = arg(RecurrenceArg.skips)
  const skip: f32 = skips != 0 ? load<f32>(skips + (head << 2)) : 0
  if (ASC_FEATURE_SIMD) {
    const d = f32x4.splat(decay)
    const g = f32x4.splat(gain)
    for (let c: usize = 0; c < ROW; c += 16) {
      const x = v128.load(values + c)
      const e = f32x4.mul(g, isDelta ? f32x4.sub(x, f32x4.mul(d, v128.load(sums + c))) : x)
      v128.store(errors + c, e)
      let y = f32x4.add(f32x4.mul(d, v128.load(sums + QUERY_SUMS + c)), f32x4.mul(f32x4.splat(meeting), e))
      if (skips != 0) y = f32x4.add(y, f32x4.mul(f32x4.splat(skip), x))
      v128.store(values + c, y)
    }
  } else {
    for (let c: usize = 0; c < ROW; c += 4) {
      const x = load<f32>(values + c)
      const e = gain * (isDelta ? x - decay * load<f32>(sums + c) : x)
      store<f32>(errors + c, e)
      let y = decay * load<f32>(sums + QUERY_SUMS + c) + meeting * e
      if (skips != 0) y += skip * x
      store<f32>(values + c, y)
    }
  }
  copyFloats(values, o, bytes)
  const columns = arg(RecurrenceArg.heads) * arg(RecurrenceArg.valueSize)
  const isLast = head + 1 == arg(RecurrenceArg.heads) && left <= <usize>RECURRENCE_COLUMNS
  if (!isLast) return
  const padding: usize = arg(RecurrenceArg.outputStride) - (columns << 2)
  for (let i: usize = 0; i < padding; i += 4) store<f32>(o + bytes + i, 0)
}

function copyFloats(from: usize, to: usize, bytes: usize): void {
  for (let i: usize = 0; i < bytes; i += 4) store<f32>(to + i, load<f32>(from + i))
}

/** Makes the sums S^T k, which only the delta rule needs, and S^T q. `d` is the address of the decays of the token. */
function sumUp(state: usize, k: usize, q: usize, d: usize, n: usize, sums: usize): void {
  const isDelta = arg(RecurrenceArg.isDelta) != 0
  const isByRow = arg(RecurrenceArg.isByRow) != 0
  if (ASC_FEATURE_SIMD) {
    let a0 = f32x4.splat(0)
    let a1 = f32x4.splat(0)
    let a2 = f32x4.splat(0)
    let a3 = f32x4.splat(0)
    let b0 = f32x4.splat(0)
    let b1 = f32x4.splat(0)
    let b2 = f32x4.splat(0)
    let b3 = f32x4.splat(0)
    const end = k + (n << 2)
    for (let p = k, r = q, f = d, s = state; p < end; p += 4, r += 4, f += 4, s += ROW) {
      const s0 = v128.load(s)
      const s1 = v128.load(s, 16)
      const s2 = v128.load(s, 32)
      const s3 = v128.load(s, 48)
      if (isDelta) {
        const ki = entry(p, f, isByRow)
        a0 = f32x4.add(a0, f32x4.mul(s0, ki))
        a1 = f32x4.add(a1, f32x4.mul(s1, ki))
        a2 = f32x4.add(a2, f32x4.mul(s2, ki))
        a3 = f32x4.add(a3, f32x4.mul(s3, ki))
      }
      const qi = entry(r, f, isByRow)
      b0 = f32x4.add(b0, f32x4.mul(s0, qi))
      b1 = f32x4.add(b1, f32x4.mul(s1, qi))
      b2 = f32x4.add(b2, f32x4.mul(s2, qi))
      b3 = f32x4.add(b3, f32x4.mul(s3, qi))
    }
    storeSums(sums, a0, a1, a2, a3)
    storeSums(sums + QUERY_SUMS, b0, b1, b2, b3)
  } else {
    zero(sums, 2 * ROW)
    for (let i: usize = 0; i < n; i++) {
      const factor: f32 = isByRow ? load<f32>(d + (i << 2)) : 1
      addRow(state + i * ROW, load<f32>(k + (i << 2)) * factor, load<f32>(q + (i << 2)) * factor, sums, isDelta)
    }
  }
}

/** An entry of a key or query for the sums: times its decay, if each row has its own. */
function entry(at: usize, decay: usize, isByRow: bool): v128 {
  const x = v128.load32_splat(at)
  return isByRow ? f32x4.mul(x, v128.load32_splat(decay)) : x
}

function storeSums(to: usize, s0: v128, s1: v128, s2: v128, s3: v128): void {
  v128.store(to, s0)
  v128.store(to, s1, 16)
  v128.store(to, s2, 32)
  v128.store(to, s3, 48)
}

/** Adds row i of the state to the sums, times entry i of the key and of the query. */
function addRow(row: usize, key: f32, query: f32, sums: usize, isDelta: bool): void {
  for (let c: usize = 0; c < ROW; c += 4) {
    const s = load<f32>(row + c)
    if (isDelta) store<f32>(sums + c, load<f32>(sums + c) + s * key)
    store<f32>(sums + QUERY_SUMS + c, load<f32>(sums + QUERY_SUMS + c) + s * query)
  }
}

/** S = d S + k e^T, and the sums for the next token, whose key, query and decays are at `nextK`, `nextQ` and `nextD`. */
function update(
  state: usize,
  after: usize,
  k: usize,
  d: usize,
  nextK: usize,
  nextQ: usize,
  nextD: usize,
  n: usize,
  sums: usize,
): void {
  const isDelta = arg(RecurrenceArg.isDelta) != 0
  const isByRow = arg(RecurrenceArg.isByRow) != 0
  const errors = sums + ERRORS
  if (ASC_FEATURE_SIMD) {
    let a0 = f32x4.splat(0)
    let a1 = f32x4.splat(0)
    let a2 = f32x4.splat(0)
    let a3 = f32x4.splat(0)
    let b0 = f32x4.splat(0)
    let b1 = f32x4.splat(0)
    let b2 = f32x4.splat(0)
    let b3 = f32x4.splat(0)
    const e0 = v128.load(errors)
    const e1 = v128.load(errors, 16)
    const e2 = v128.load(errors, 32)
    const e3 = v128.load(errors, 48)
    const end = n << 2
    for (let i: usize = 0, s = state, to = after; i < end; i += 4, s += ROW, to += ROW) {
      const ki = v128.load32_splat(k + i)
      const di = v128.load32_splat(isByRow ? d + i : d)
      const s0 = f32x4.add(f32x4.mul(di, v128.load(s)), f32x4.mul(ki, e0))
      const s1 = f32x4.add(f32x4.mul(di, v128.load(s, 16)), f32x4.mul(ki, e1))
      const s2 = f32x4.add(f32x4.mul(di, v128.load(s, 32)), f32x4.mul(ki, e2))
      const s3 = f32x4.add(f32x4.mul(di, v128.load(s, 48)), f32x4.mul(ki, e3))
      storeSums(to, s0, s1, s2, s3)
      if (isDelta) {
        const next = entry(nextK + i, nextD + i, isByRow)
        a0 = f32x4.add(a0, f32x4.mul(s0, next))
        a1 = f32x4.add(a1, f32x4.mul(s1, next))
        a2 = f32x4.add(a2, f32x4.mul(s2, next))
        a3 = f32x4.add(a3, f32x4.mul(s3, next))
      }
      const qi = entry(nextQ + i, nextD + i, isByRow)
      b0 = f32x4.add(b0, f32x4.mul(s0, qi))
      b1 = f32x4.add(b1, f32x4.mul(s1, qi))
      b2 = f32x4.add(b2, f32x4.mul(s2, qi))
      b3 = f32x4.add(b3, f32x4.mul(s3, qi))
    }
    storeSums(sums, a0, a1, a2, a3)
    storeSums(sums + QUERY_SUMS, b0, b1, b2, b3)
  } else {
    updateLast(state, after, k, d, n, errors)
    sumUp(after, nextK, nextQ, nextD, n, sums)
  }
}

/** S = d S + k e^T. */
function updateLast(state: usize, after: usize, k: usize, d: usize, n: usize, errors: usize): void {
  const isByRow = arg(RecurrenceArg.isByRow) != 0
  if (ASC_FEATURE_SIMD) {
    const e0 = v128.load(errors)
    const e1 = v128.load(errors, 16)
    const e2 = v128.load(errors, 32)
    const e3 = v128.load(errors, 48)
    const end = n << 2
    for (let i: usize = 0, s = state, to = after; i < end; i += 4, s += ROW, to += ROW) {
      const ki = v128.load32_splat(k + i)
      const di = v128.load32_splat(isByRow ? d + i : d)
      v128.store(to, f32x4.add(f32x4.mul(di, v128.load(s)), f32x4.mul(ki, e0)))
      v128.store(to, f32x4.add(f32x4.mul(di, v128.load(s, 16)), f32x4.mul(ki, e1)), 16)
      v128.store(to, f32x4.add(f32x4.mul(di, v128.load(s, 32)), f32x4.mul(ki, e2)), 32)
      v128.store(to, f32x4.add(f32x4.mul(di, v128.load(s, 48)), f32x4.mul(ki, e3)), 48)
    }
  } else {
    for (let i: usize = 0; i < n; i++) {
      const key = load<f32>(k + (i << 2))
      const decay = load<f32>(isByRow ? d + (i << 2) : d)
      for (let c: usize = 0; c < ROW; c += 4) {
        store<f32>(after + i * ROW + c, decay * load<f32>(state + i * ROW + c) + key * load<f32>(errors + c))
      }
    }
  }
}
