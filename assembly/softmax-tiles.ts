/*
 * Sums of weighted rows: o += w[0] v[0] + w[1] v[1] + ..., over `count` rows of `size` numbers that are `stride` bytes
 * apart. Softmax attention consists of two such sums. In the products of queries and keys, a row is one channel of all
 * keys of a page, and its weight is the query's number in that channel. In the outputs, a row is a value. Two sums with
 * different weights read each row once for both.
 *
 * Order of additions: row by row. T is the type of the rows' numbers: f32, or u16 for bfloat16. Bit-identical in all
 * tiers; rows need no alignment, sums begin at a multiple of 4.
 *
 * The SIMD tiers read the even numbers of bfloat16 rows by a shift and the odd ones by a mask, which is half the work
 * of widening them in order. So of every 16 numbers a sum first has the even and then the odd ones, until `sort` has
 * put them in order.
 */
import { SOFTMAX_WEIGHT_BYTES } from '../src/kernels/abi/attention'
import { element, load4 } from './dot'

/** Adds `count` weighted rows to each of `sums` sums, which are `pitch` bytes apart; their weights are SOFTMAX_WEIGHT_BYTES apart. */
export function addFew<T>(
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
  for (; n + 2 <= sums; n += 2, o += 2 * pitch, w += 2 * SOFTMAX_WEIGHT_BYTES) {
    addTwo<T>(o, o + pitch, w, w + SOFTMAX_WEIGHT_BYTES, v, stride, count, size, isWide)
  }
  if (n < sums) addOne<T>(o, w, v, stride, count, size)
}

/** Adds to o with the weights w, and to p with the weights x. `isWide` chooses tiles for vectors of 256 bits. */
function addTwo<T>(
  o: usize,
  p: usize,
  w: usize,
  x: usize,
  v: usize,
  stride: usize,
  count: u32,
  size: usize,
  isWide: bool,
): void {
  const bytes = (<usize>count) << 2
  let i: usize = 0
  if (ASC_FEATURE_SIMD) {
    const mask = upperHalf(o)
    if (isWide) {
      for (; i + 32 <= size; i += 32) {
        const a = o + (i << 2)
        const b = p + (i << 2)
        let a0 = v128.load(a)
        let a1 = v128.load(a, 16)
        let a2 = v128.load(a, 32)
        let a3 = v128.load(a, 48)
        let a4 = v128.load(a, 64)
        let a5 = v128.load(a, 80)
        let a6 = v128.load(a, 96)
        let a7 = v128.load(a, 112)
        let b0 = v128.load(b)
        let b1 = v128.load(b, 16)
        let b2 = v128.load(b, 32)
        let b3 = v128.load(b, 48)
        let b4 = v128.load(b, 64)
        let b5 = v128.load(b, 80)
        let b6 = v128.load(b, 96)
        let b7 = v128.load(b, 112)
        let row = v + i * sizeof<T>()
        for (let j: usize = 0; j < bytes; j += 4, row += stride) {
          const g = v128.load32_splat(w + j)
          const h = v128.load32_splat(x + j)
          let v0 = v128.load(row)
          let v1 = v128.load(row, 16)
          let v2: v128
          let v3: v128
          if (sizeof<T>() == 4) {
            v2 = v128.load(row, 32)
            v3 = v128.load(row, 48)
          } else {
            v2 = v128.and(v0, mask)
            v3 = v128.and(v1, mask)
            v0 = i32x4.shl(v0, 16)
            v1 = i32x4.shl(v1, 16)
          }
          a0 = f32x4.add(a0, f32x4.mul(g, v0))
          a1 = f32x4.add(a1, f32x4.mul(g, v1))
          a2 = f32x4.add(a2, f32x4.mul(g, v2))
          a3 = f32x4.add(a3, f32x4.mul(g, v3))
          b0 = f32x4.add(b0, f32x4.mul(h, v0))
          b1 = f32x4.add(b1, f32x4.mul(h, v1))
          b2 = f32x4.add(b2, f32x4.mul(h, v2))
          b3 = f32x4.add(b3, f32x4.mul(h, v3))
          v0 = v128.load(row, 16 * sizeof<T>())
          v1 = v128.load(row, 16 * sizeof<T>() + 16)
          if (sizeof<T>() == 4) {
            v2 = v128.load(row, 16 * sizeof<T>() + 32)
            v3 = v128.load(row, 16 * sizeof<T>() + 48)
          } else {
            v2 = v128.and(v0, mask)
            v3 = v128.and(v1, mask)
            v0 = i32x4.shl(v0, 16)
            v1 = i32x4.shl(v1, 16)
          }
          a4 = f32x4.add(a4, f32x4.mul(g, v0))
          a5 = f32x4.add(a5, f32x4.mul(g, v1))
          a6 = f32x4.add(a6, f32x4.mul(g, v2))
          a7 = f32x4.add(a7, f32x4.mul(g, v3))
          b4 = f32x4.add(b4, f32x4.mul(h, v0))
          b5 = f32x4.add(b5, f32x4.mul(h, v1))
          b6 = f32x4.add(b6, f32x4.mul(h, v2))
          b7 = f32x4.add(b7, f32x4.mul(h, v3))
        }
        v128.store(a, a0)
        v128.store(a, a1, 16)
        v128.store(a, a2, 32)
        v128.store(a, a3, 48)
        v128.store(a, a4, 64)
        v128.store(a, a5, 80)
        v128.store(a, a6, 96)
        v128.store(a, a7, 112)
        v128.store(b, b0)
        v128.store(b, b1, 16)
        v128.store(b, b2, 32)
        v128.store(b, b3, 48)
        v128.store(b, b4, 64)
        v128.store(b, b5, 80)
        v128.store(b, b6, 96)
        v128.store(b, b7, 112)
      }
    }
    for (; i + 16 <= size; i += 16) {
      const a = o + (i << 2)
      const b = p + (i << 2)
      let a0 = v128.load(a)
      let a1 = v128.load(a, 16)
      let a2 = v128.load(a, 32)
      let a3 = v128.load(a, 48)
      let b0 = v128.load(b)
      let b1 = v128.load(b, 16)
      let b2 = v128.load(b, 32)
      let b3 = v128.load(b, 48)
      let row = v + i * sizeof<T>()
      for (let j: usize = 0; j < bytes; j += 4, row += stride) {
        const g = v128.load32_splat(w + j)
        const h = v128.load32_splat(x + j)
        let v0 = v128.load(row)
        let v1 = v128.load(row, 16)
        let v2: v128
        let v3: v128
        if (sizeof<T>() == 4) {
          v2 = v128.load(row, 32)
          v3 = v128.load(row, 48)
        } else {
          v2 = v128.and(v0, mask)
          v3 = v128.and(v1, mask)
          v0 = i32x4.shl(v0, 16)
          v1 = i32x4.shl(v1, 16)
        }
        a0 = f32x4.add(a0, f32x4.mul(g, v0))
        a1 = f32x4.add(a1, f32x4.mul(g, v1))
        a2 = f32x4.add(a2, f32x4.mul(g, v2))
        a3 = f32x4.add(a3, f32x4.mul(g, v3))
        b0 = f32x4.add(b0, f32x4.mul(h, v0))
        b1 = f32x4.add(b1, f32x4.mul(h, v1))
        b2 = f32x4.add(b2, f32x4.mul(h, v2))
        b3 = f32x4.add(b3, f32x4.mul(h, v3))
      }
      v128.store(a, a0)
      v128.store(a, a1, 16)
      v128.store(a, a2, 32)
      v128.store(a, a3, 48)
      v128.store(b, b0)
      v128.store(b, b1, 16)
      v128.store(b, b2, 32)
      v128.store(b, b3, 48)
    }
  }
  addRest<T>(o, w, v, stride, bytes, i, size)
  addRest<T>(p, x, v, stride, bytes, i, size)
}

/** Adds to o with the weights w. */
export function addOne<T>(o: usize, w: usize, v: usize, stride: usize, count: u32, size: usize): void {
  const bytes = (<usize>count) << 2
  let i: usize = 0
  if (ASC_FEATURE_SIMD) {
    const mask = upperHalf(o)
    for (; i + 16 <= size; i += 16) {
      const a = o + (i << 2)
      let a0 = v128.load(a)
      let a1 = v128.load(a, 16)
      let a2 = v128.load(a, 32)
      let a3 = v128.load(a, 48)
      let row = v + i * sizeof<T>()
      for (let j: usize = 0; j < bytes; j += 4, row += stride) {
        const g = v128.load32_splat(w + j)
        const v0 = v128.load(row)
        const v1 = v128.load(row, 16)
        if (sizeof<T>() == 4) {
          a0 = f32x4.add(a0, f32x4.mul(g, v0))
          a1 = f32x4.add(a1, f32x4.mul(g, v1))
          a2 = f32x4.add(a2, f32x4.mul(g, v128.load(row, 32)))
          a3 = f32x4.add(a3, f32x4.mul(g, v128.load(row, 48)))
        } else {
          a0 = f32x4.add(a0, f32x4.mul(g, i32x4.shl(v0, 16)))
          a1 = f32x4.add(a1, f32x4.mul(g, i32x4.shl(v1, 16)))
          a2 = f32x4.add(a2, f32x4.mul(g, v128.and(v0, mask)))
          a3 = f32x4.add(a3, f32x4.mul(g, v128.and(v1, mask)))
        }
      }
      v128.store(a, a0)
      v128.store(a, a1, 16)
      v128.store(a, a2, 32)
      v128.store(a, a3, 48)
    }
  }
  addRest<T>(o, w, v, stride, bytes, i, size)
}

/** Puts the numbers of a sum of bfloat16 rows in order. */
export function sort<T>(o: usize, size: usize): void {
  if (!ASC_FEATURE_SIMD || sizeof<T>() == 4) return
  const end = o + ((size & ~15) << 2)
  for (let p = o; p < end; p += 64) {
    const even0 = v128.load(p)
    const even1 = v128.load(p, 16)
    const odd0 = v128.load(p, 32)
    const odd1 = v128.load(p, 48)
    v128.store(p, v128.shuffle<i32>(even0, odd0, 0, 4, 1, 5))
    v128.store(p, v128.shuffle<i32>(even0, odd0, 2, 6, 3, 7), 16)
    v128.store(p, v128.shuffle<i32>(even1, odd1, 0, 4, 1, 5), 32)
    v128.store(p, v128.shuffle<i32>(even1, odd1, 2, 6, 3, 7), 48)
  }
}

/**
 * Mask of the upper half of each number of 32 bits. The address of a float is a multiple of 4, so it adds nothing; but
 * a mask that the compiler knew to be constant would be loaded again at each use.
 */
function upperHalf(float: usize): v128 {
  return i32x4.splat(<i32>(0xffff0000 | (<u32>float & 3)))
}

/** The same for only the numbers [from, size) of the rows, in order. */
function addRest<T>(o: usize, w: usize, v: usize, stride: usize, bytes: usize, from: usize, size: usize): void {
  let i = from
  if (ASC_FEATURE_SIMD) {
    for (; i + 4 <= size; i += 4) {
      let sum = v128.load(o + (i << 2))
      let row = v + i * sizeof<T>()
      for (let j: usize = 0; j < bytes; j += 4, row += stride) {
        sum = f32x4.add(sum, f32x4.mul(v128.load32_splat(w + j), load4<T>(row)))
      }
      v128.store(o + (i << 2), sum)
    }
  }
  for (; i < size; i++) {
    let sum = load<f32>(o + (i << 2))
    let row = v
    for (let j: usize = 0; j < bytes; j += 4, row += stride) sum += load<f32>(w + j) * element<T>(row, i)
    store<f32>(o + (i << 2), sum)
  }
}
