/*
 * Changes rows of heads in place between their product and attention, in this order. Each step can be left out.
 *
 *   RMSNorm over the whole row, or over each head on its own
 *   clamp to [-clip, clip]
 *   rotary position embedding of each head's first R channels: the channels of pair i turn by the angle of position and i:
 *     out[x] = h[x] cos - h[y] sin      out[y] = h[y] cos + h[x] sin
 *   halves: x = i, y = i + R / 2; neighbours: x = 2 i, y = 2 i + 1
 *
 * Arguments: HeadsArg (src/kernels/abi/rows.ts). Bit-identical in all tiers.
 */
import { HeadPairs, HeadsArg, NormSpan } from '../src/kernels/abi/rows'
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
    const sin = arg(HeadsArg.sin) + angles
    const turns: usize = arg(HeadsArg.turned) >> 1
    if (arg(HeadsArg.pairs) == HeadPairs.neighbours) {
      for (let head = row; head < end; head += size << 2) rotateNeighbours(head, turns, cos + angles, sin)
    } else {
      for (let head = row; head < end; head += size << 2) rotateHalves(head, turns, cos + angles, sin)
    }
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

function rotateHalves(head: usize, half: usize, cos: usize, sin: usize): void {
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

function rotateNeighbours(head: usize, pairs: usize, cos: usize, sin: usize): void {
  const bytes = pairs << 2
  let i: usize = 0
  if (ASC_FEATURE_SIMD) {
    for (; i + 16 <= bytes; i += 16) {
      const p = head + 2 * i
      const low = v128.load(p)
      const high = v128.load(p, 16)
      const x = v128.shuffle<i32>(low, high, 0, 2, 4, 6)
      const y = v128.shuffle<i32>(low, high, 1, 3, 5, 7)
      const c = v128.load(cos + i)
      const s = v128.load(sin + i)
      const outX = f32x4.sub(f32x4.mul(x, c), f32x4.mul(y, s))
      const outY = f32x4.add(f32x4.mul(y, c), f32x4.mul(x, s))
      v128.store(p, v128.shuffle<i32>(outX, outY, 0, 4, 1, 5))
      v128.store(p, v128.shuffle<i32>(outX, outY, 2, 6, 3, 7), 16)
    }
  }
  for (; i < bytes; i += 4) {
    const p = head + 2 * i
    const x = load<f32>(p)
    const y = load<f32>(p, 4)
    const c = load<f32>(cos + i)
    const s = load<f32>(sin + i)
    store<f32>(p, x * c - y * s)
    store<f32>(p, y * c + x * s, 4)
  }
}
