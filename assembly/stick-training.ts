/*
 * Stick-breaking attention of one whole sequence, forward and backward (mathematics: attention.ts). A unit is one head of one
 * query or key; queries are items, k per token.
 *
 * forward: o = sum of w_j v_j, newest key first. Each query and head keeps w_j and b_j = sigmoid(z_j) of the keys it visited.
 * records: the outputs quantised, for products in q8 and q4; a unit is a query.
 * queries: with g_j = w_j (do . v_j), and d/dz of log w: 1 - b_j of the key itself, -b_j of every older one,
 *     dz_j = (1 - b_j) g_j - b_j * (sum of g over the older keys)          dq = scale * sum of dz_j k_j
 *   scale * dz_j takes the place of b_j.
 * keys: dk_j = sum over later queries of dz_j q      dv_j = sum of w_j do, query after query. No two threads
 *   write one row, and the order is the same for any number of threads.
 *
 * Arguments: StickArg (src/kernels/abi/training.ts). Keys that a walk did not visit together weigh less than `enough`,
 * and so do their gradients. Bit-identical in all tiers.
 */
import { StickArg, StickPhase } from '../src/kernels/abi/training'
import { arg, argf } from './control'
import { dot, dot2 } from './dot'
import { exp } from './math'
import { quantizeBlocks } from './quantize'

export function stickTraining(chunk: u32): void {
  const phase = arg(StickArg.phase)
  if (phase == StickPhase.records) return records(chunk)
  const heads = arg(StickArg.heads)
  const units = arg(StickArg.tokens) * heads * (phase == StickPhase.keys ? 1 : arg(StickArg.k))
  const from = chunk * arg(StickArg.chunkUnits)
  const to = min(from + arg(StickArg.chunkUnits), units)
  const size: usize = arg(StickArg.channels) / heads
  for (let unit = from; unit < to; unit++) {
    const item = unit / heads
    const head = (unit % heads) * (size << 2)
    if (phase == StickPhase.forward) forward(unit, item, head, size)
    else if (phase == StickPhase.queries) queries(unit, item, head, size)
    else keys(item, unit % heads, head, size)
  }
}

function records(chunk: u32): void {
  const from = chunk * arg(StickArg.chunkUnits)
  const to = min(from + arg(StickArg.chunkUnits), arg(StickArg.tokens) * arg(StickArg.k))
  const padded: usize = arg(StickArg.padded)
  for (let item = from; item < to; item++) {
    const o: usize = arg(StickArg.o) + item * arg(StickArg.stride)
    quantizeBlocks(o, arg(StickArg.records) + item * arg(StickArg.recordStride), padded, 0, padded >> 5)
  }
}

function weightsOf(unit: u32): usize {
  return arg(StickArg.weights) + unit * arg(StickArg.weightBytes)
}

/** Bytes from a weight to b of the same key. */
function half(): usize {
  return arg(StickArg.weightBytes) >> 1
}

function forward(unit: u32, item: u32, head: usize, size: usize): void {
  const q: usize = arg(StickArg.q) + item * arg(StickArg.stride) + head
  const o: usize = arg(StickArg.o) + item * arg(StickArg.stride) + head
  const stride = arg(StickArg.keyStride)
  const position = item / arg(StickArg.k)
  const scale = argf(StickArg.scale)
  const enough = argf(StickArg.enough)
  const weights = weightsOf(unit)
  const shares = weights + half()
  for (let i: usize = 0; i < size << 2; i += 4) store<f32>(o + i, 0)
  let key: usize = arg(StickArg.keys) + position * stride + head
  let value: usize = arg(StickArg.values) + position * stride + head
  let stick: f32 = 1
  let n: u32 = 0
  // Two keys at a time; with an odd number of keys the last one is multiplied twice.
  for (; n <= position && stick >= enough; n += 2) {
    const last = n == position
    dot2<f32>(q, key, last ? key : key - stride, size, shares + (n << 2))
    const next = last ? n + 1 : n + 2
    for (let i = n; i < next; i++) {
      const z = load<f32>(shares + (i << 2)) * scale
      // sigmoid(z) and 1 - sigmoid(z) need only one exponential.
      const e = exp(-abs<f32>(z))
      const large = <f32>1.0 / (<f32>1.0 + e)
      const share = z < 0 ? e * large : large
      const weight = share * stick
      stick *= z < 0 ? large : e * large
      store<f32>(shares + (i << 2), share)
      store<f32>(weights + (i << 2), weight)
      addRow(o, value, weight, size)
      key -= stride
      value -= stride
    }
  }
  store<u32>(arg(StickArg.depths) + (unit << 2), min(n, position + 1))
}

function queries(unit: u32, item: u32, head: usize, size: usize): void {
  const gradient: usize = arg(StickArg.o) + item * arg(StickArg.stride) + head
  const dq: usize = arg(StickArg.dq) + item * arg(StickArg.stride) + head
  const stride = arg(StickArg.keyStride)
  const position = item / arg(StickArg.k)
  const scale = argf(StickArg.scale)
  const weights = weightsOf(unit)
  const shares = weights + half()
  const depth = load<u32>(arg(StickArg.depths) + (unit << 2))
  for (let i: usize = 0; i < size << 2; i += 4) store<f32>(dq + i, 0)
  const oldest = position + 1 - depth
  let key: usize = arg(StickArg.keys) + oldest * stride + head
  let value: usize = arg(StickArg.values) + oldest * stride + head
  // Sum over the older keys, from the oldest on.
  let older: f32 = 0
  for (let n = <i32>depth - 1; n >= 0; n--) {
    const at: usize = n << 2
    const share = load<f32>(shares + at)
    const g = load<f32>(weights + at) * dot<f32>(gradient, value, size)
    const dz = (g - share * (g + older)) * scale
    older += g
    store<f32>(shares + at, dz)
    addRow(dq, key, dz, size)
    key += stride
    value += stride
  }
}

function keys(position: u32, h: u32, head: usize, size: usize): void {
  const row = position * arg(StickArg.dStride) + head
  const dKey: usize = arg(StickArg.dKeys) + row
  const dValue: usize = arg(StickArg.dValues) + row
  const heads = arg(StickArg.heads)
  const k = arg(StickArg.k)
  const stride = arg(StickArg.stride)
  for (let i: usize = 0; i < size << 2; i += 4) {
    store<f32>(dKey + i, 0)
    store<f32>(dValue + i, 0)
  }
  const end = min(arg(StickArg.tokens), position + arg(StickArg.deepest)) * k
  for (let item = position * k; item < end; item++) {
    const unit = item * heads + h
    const n = item / k - position
    if (n >= load<u32>(arg(StickArg.depths) + (unit << 2))) continue
    const weight = weightsOf(unit) + (n << 2)
    const from = item * stride + head
    addRow(dKey, arg(StickArg.q) + from, load<f32>(weight + half()), size)
    addRow(dValue, arg(StickArg.o) + from, load<f32>(weight), size)
  }
}

/** out += factor * row. */
function addRow(out: usize, row: usize, factor: f32, size: usize): void {
  const bytes = size << 2
  let i: usize = 0
  if (ASC_FEATURE_SIMD) {
    const f = f32x4.splat(factor)
    for (; i + 16 <= bytes; i += 16)
      v128.store(out + i, f32x4.add(v128.load(out + i), f32x4.mul(f, v128.load(row + i))))
  }
  for (; i < bytes; i += 4) store<f32>(out + i, load<f32>(out + i) + factor * load<f32>(row + i))
}
