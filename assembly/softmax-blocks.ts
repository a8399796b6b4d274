/*
 * Sums of weighted rows of floats for blocks of queries: as softmax-tiles.ts, with the same order of additions, but for
 * four sums at once. Their weights are SOFTMAX_WEIGHT_BYTES apart: V8 then addresses them by constant offsets, which is
 * a third faster than by registers.
 *
 * Rows of bfloat16 are widened to floats before, once for all queries of a block, and values that are channels of keys
 * are turned into rows.
 */
import { SOFTMAX_WEIGHT_BYTES } from '../src/kernels/abi/attention'
import { PAGE_ROWS } from '../src/kernels/abi/formats'
import { element, load4 } from './dot'
import { addFew, addOne } from './softmax-tiles'

/**
 * Adds `count` weighted rows to each of `sums` sums, which are `pitch` bytes apart. `isWide` chooses tiles for vectors
 * of 256 bits.
 */
export function addRows(
  sums: u32,
  o: usize,
  pitch: usize,
  w: usize,
  v: usize,
  stride: usize,
  count: u32,
  size: usize,
  isWide: bool,
): void {
  let n: u32 = 0
  for (; n + 4 <= sums; n += 4, o += 4 * pitch, w += 4 * SOFTMAX_WEIGHT_BYTES) {
    if (isWide) addFourWide(o, pitch, w, v, stride, count, size)
    else addFour(o, pitch, w, v, stride, count, size)
  }
  addFew<f32>(sums - n, o, pitch, w, v, stride, count, size, isWide)
}

/** Tiles of 4 sums x 8 numbers: 8 of the 16 vector registers are sums. */
function addFour(o: usize, pitch: usize, w: usize, v: usize, stride: usize, count: u32, size: usize): void {
  const end = w + ((<usize>count) << 2)
  let i: usize = 0
  if (ASC_FEATURE_SIMD) {
    for (; i + 8 <= size; i += 8) {
      const a = o + (i << 2)
      const b = a + pitch
      const c = b + pitch
      const d = c + pitch
      let a0 = v128.load(a)
      let a1 = v128.load(a, 16)
      let b0 = v128.load(b)
      let b1 = v128.load(b, 16)
      let c0 = v128.load(c)
      let c1 = v128.load(c, 16)
      let d0 = v128.load(d)
      let d1 = v128.load(d, 16)
      let row = v + (i << 2)
      for (let p = w; p < end; p += 4, row += stride) {
        const v0 = v128.load(row)
        const v1 = v128.load(row, 16)
        let g = v128.load32_splat(p)
        a0 = f32x4.add(a0, f32x4.mul(g, v0))
        a1 = f32x4.add(a1, f32x4.mul(g, v1))
        g = v128.load32_splat(p, SOFTMAX_WEIGHT_BYTES)
        b0 = f32x4.add(b0, f32x4.mul(g, v0))
        b1 = f32x4.add(b1, f32x4.mul(g, v1))
        g = v128.load32_splat(p, 2 * SOFTMAX_WEIGHT_BYTES)
        c0 = f32x4.add(c0, f32x4.mul(g, v0))
        c1 = f32x4.add(c1, f32x4.mul(g, v1))
        g = v128.load32_splat(p, 3 * SOFTMAX_WEIGHT_BYTES)
        d0 = f32x4.add(d0, f32x4.mul(g, v0))
        d1 = f32x4.add(d1, f32x4.mul(g, v1))
      }
      v128.store(a, a0)
      v128.store(a, a1, 16)
      v128.store(b, b0)
      v128.store(b, b1, 16)
      v128.store(c, c0)
      v128.store(c, c1, 16)
      v128.store(d, d0)
      v128.store(d, d1, 16)
    }
  }
  addRest(o, pitch, w, v, stride, count, i, size)
}

/** Tiles of 4 sums x 16 numbers: V8 fuses neighbours, and 8 of the 16 registers of 256 bits are sums. */
function addFourWide(o: usize, pitch: usize, w: usize, v: usize, stride: usize, count: u32, size: usize): void {
  const end = w + ((<usize>count) << 2)
  let i: usize = 0
  if (ASC_FEATURE_SIMD) {
    for (; i + 16 <= size; i += 16) {
      const a = o + (i << 2)
      const b = a + pitch
      const c = b + pitch
      const d = c + pitch
      let a0 = v128.load(a)
      let a1 = v128.load(a, 16)
      let a2 = v128.load(a, 32)
      let a3 = v128.load(a, 48)
      let b0 = v128.load(b)
      let b1 = v128.load(b, 16)
      let b2 = v128.load(b, 32)
      let b3 = v128.load(b, 48)
      let c0 = v128.load(c)
      let c1 = v128.load(c, 16)
      let c2 = v128.load(c, 32)
      let c3 = v128.load(c, 48)
      let d0 = v128.load(d)
      let d1 = v128.load(d, 16)
      let d2 = v128.load(d, 32)
      let d3 = v128.load(d, 48)
      let row = v + (i << 2)
      for (let p = w; p < end; p += 4, row += stride) {
        const v0 = v128.load(row)
        const v1 = v128.load(row, 16)
        const v2 = v128.load(row, 32)
        const v3 = v128.load(row, 48)
        let g = v128.load32_splat(p)
        a0 = f32x4.add(a0, f32x4.mul(g, v0))
        a1 = f32x4.add(a1, f32x4.mul(g, v1))
        a2 = f32x4.add(a2, f32x4.mul(g, v2))
        a3 = f32x4.add(a3, f32x4.mul(g, v3))
        g = v128.load32_splat(p, SOFTMAX_WEIGHT_BYTES)
        b0 = f32x4.add(b0, f32x4.mul(g, v0))
        b1 = f32x4.add(b1, f32x4.mul(g, v1))
        b2 = f32x4.add(b2, f32x4.mul(g, v2))
        b3 = f32x4.add(b3, f32x4.mul(g, v3))
        g = v128.load32_splat(p, 2 * SOFTMAX_WEIGHT_BYTES)
        c0 = f32x4.add(c0, f32x4.mul(g, v0))
        c1 = f32x4.add(c1, f32x4.mul(g, v1))
        c2 = f32x4.add(c2, f32x4.mul(g, v2))
        c3 = f32x4.add(c3, f32x4.mul(g, v3))
        g = v128.load32_splat(p, 3 * SOFTMAX_WEIGHT_BYTES)
        d0 = f32x4.add(d0, f32x4.mul(g, v0))
        d1 = f32x4.add(d1, f32x4.mul(g, v1))
        d2 = f32x4.add(d2, f32x4.mul(g, v2))
        d3 = f32x4.add(d3, f32x4.mul(g, v3))
      }
      v128.store(a, a0)
      v128.store(a, a1, 16)
      v128.store(a, a2, 32)
      v128.store(a, a3, 48)
      v128.store(b, b0)
      v128.store(b, b1, 16)
      v128.store(b, b2, 32)
      v128.store(b, b3, 48)
      v128.store(c, c0)
      v128.store(c, c1, 16)
      v128.store(c, c2, 32)
      v128.store(c, c3, 48)
      v128.store(d, d0)
      v128.store(d, d1, 16)
      v128.store(d, d2, 32)
      v128.store(d, d3, 48)
    }
  }
  addRest(o, pitch, w, v, stride, count, i, size)
}

/** The same for only the numbers [from, size) of the rows. */
function addRest(
  o: usize,
  pitch: usize,
  w: usize,
  v: usize,
  stride: usize,
  count: u32,
  from: usize,
  size: usize,
): void {
  if (from == size) return
  const numbers = size - from
  o += from << 2
  v += from << 2
  for (let n: usize = 0; n < 4; n++) addOne<f32>(o + n * pitch, w + n * SOFTMAX_WEIGHT_BYTES, v, stride, count, numbers)
}

/** Widens `count` rows of `size` bfloat16s, which are `stride` bytes apart, to floats without gaps. */
export function widenRows(to: usize, v: usize, stride: usize, count: u32, size: usize): void {
  for (let r: u32 = 0; r < count; r++, v += stride, to += size << 2) {
    let i: usize = 0
    if (ASC_FEATURE_SIMD) {
      const zero = i16x8.splat(0)
      for (; i + 8 <= size; i += 8) {
        const halves = v128.load(v + (i << 1))
        v128.store(to + (i << 2), v128.shuffle<i16>(zero, halves, 0, 8, 1, 9, 2, 10, 3, 11))
        v128.store(to + (i << 2), v128.shuffle<i16>(zero, halves, 4, 12, 5, 13, 6, 14, 7, 15), 16)
      }
    }
    for (; i < size; i++) store<f32>(to + (i << 2), element<u16>(v, i))
  }
}

/** Turns the first `size` channels of a page of keys, all positions of each, into a row of floats for each position. */
export function turnPage<T>(to: usize, keys: usize, size: usize): void {
  const pitch: usize = PAGE_ROWS * sizeof<T>()
  const stride = size << 2
  for (let row: usize = 0; row < <usize>PAGE_ROWS; row += 4, to += 4 * stride) {
    let from = keys + row * sizeof<T>()
    let c: usize = 0
    if (ASC_FEATURE_SIMD) {
      for (; c + 4 <= size; c += 4, from += 4 * pitch) {
        const x = load4<T>(from)
        const y = load4<T>(from + pitch)
        const z = load4<T>(from + 2 * pitch)
        const w = load4<T>(from + 3 * pitch)
        const low0 = v128.shuffle<i32>(x, y, 0, 4, 1, 5)
        const high0 = v128.shuffle<i32>(x, y, 2, 6, 3, 7)
        const low1 = v128.shuffle<i32>(z, w, 0, 4, 1, 5)
        const high1 = v128.shuffle<i32>(z, w, 2, 6, 3, 7)
        const out = to + (c << 2)
        v128.store(out, v128.shuffle<i32>(low0, low1, 0, 1, 4, 5))
        v128.store(out + stride, v128.shuffle<i32>(low0, low1, 2, 3, 6, 7))
        v128.store(out + 2 * stride, v128.shuffle<i32>(high0, high1, 0, 1, 4, 5))
        v128.store(out + 3 * stride, v128.shuffle<i32>(high0, high1, 2, 3, 6, 7))
      }
    }
    for (; c < size; c++, from += pitch) {
      for (let i: usize = 0; i < 4; i++) store<f32>(to + i * stride + (c << 2), element<T>(from, i))
    }
  }
}
