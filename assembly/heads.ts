/*
 * Changes rows of heads in place between their product and attention, in this order. Each step can be left out.
 *
 *   RMSNorm over the whole row, or over each head on its own
 *   clamp to [-clip, clip]
 *   rotary position embedding of each head: channel i and channel i + headSize / 2 turn by the angle of position and i:
 *     out[i] = h[i] cos - h[i + half] sin      out[i + half] = h[i + half] cos + h[i] sin
 *
 * Arguments: HeadsArg (src/runtime/abi/rows.ts). Bit-identical in all tiers.
 */
import { HeadsArg, NormSpan } from '../src/runtime/abi/rows'
import { arg, argf } from './control'
import { dot } from './dot'
import { scaleRow } from './scale-row'

export function heads(chunk: u32): void {
  const from = chunk * arg(HeadsArg.chunkRows)
  const to = min(from + arg(HeadsArg.chunkRows), arg(HeadsArg.count))
  const columns: usize = arg(HeadsArg.columns)
  const size: usize = arg(HeadsArg.headSize)
  const span = arg(HeadsArg.span)
  const cos: usize = arg(HeadsArg.cos)
  const clip = argf(HeadsArg.clip)
  for (let index = from; index < to; index++) {
    const row: usize = arg(HeadsArg.rows) + index * arg(HeadsArg.stride)
    const end = row + (columns << 2)
    if (span == NormSpan.row) normalise(row, columns)
    if (span == NormSpan.head) for (let head = row; head < end; head += size << 2) normalise(head, size)
    if (clip != 0) clamp(row, columns, clip)
    if (cos == 0) continue
    const angles: usize = (index / arg(HeadsArg.perToken)) * arg(HeadsArg.angleStride)
    for (let head = row; head < end; head += size << 2)
      rotate(head, size >> 1, cos + angles, arg(HeadsArg.sin) + angles)
  }
}

function normalise(row: usize, n: usize): void {
  const square = dot<f32>(row, row, n) / <f32>n
  scaleRow(row, row, n, <f32>1.0 / sqrt<f32>(square + argf(HeadsArg.epsilon)), arg(HeadsArg.weight))
}

function clamp(row: usize, n: usize, clip: f32): void {
  const bytes = n << 2
  let i: usize = 0
  if (ASC_FEATURE_SIMD) {
    const high = f32x4.splat(clip)
    const low = f32x4.neg(high)
    for (; i + 16 <= bytes; i += 16) v128.store(row + i, f32x4.pmin(f32x4.pmax(v128.load(row + i), low), high))
  }
  for (; i < bytes; i += 4) {
    const x = load<f32>(row + i)
    // Like pmax and pmin, which propagate NaN.
    if (x < -clip) store<f32>(row + i, -clip)
    else if (clip < x) store<f32>(row + i, clip)
  }
}

function rotate(head: usize, half: usize, cos: usize, sin: usize): void {
  const bytes = half << 2
  const second = head + bytes
  let i: usize = 0
  if (ASC_FEATURE_SIMD) {
    for (; i + 16 <= bytes; i += 16) {
      const x = v128.load(head + i)
      const y = v128.load(second + i)
      const c = v128.load(cos + i)
      const s = v128.load(sin + i)
      v128.store(head + i, f32x4.sub(f32x4.mul(x, c), f32x4.mul(y, s)))
      v128.store(second + i, f32x4.add(f32x4.mul(y, c), f32x4.mul(x, s)))
    }
  }
  for (; i < bytes; i += 4) {
    const x = load<f32>(head + i)
    const y = load<f32>(second + i)
    const c = load<f32>(cos + i)
    const s = load<f32>(sin + i)
    store<f32>(head + i, x * c - y * s)
    store<f32>(second + i, y * c + x * s)
  }
}
