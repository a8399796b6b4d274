/*
 * Sums of weighted pairs of rows, in integers: o += w[0] v[0] + w[1] v[1] + ..., over `pairs` pairs of rows of `size`
 * levels. A pair of rows is one row in memory, which has the levels of both in turns: 8 bits each, `stride` bytes from
 * one pair to the next. Weights are integers of 16 bits. `size` is a multiple of 4.
 *
 * Sums and weights of neighbouring queries are `step` and SOFTMAX_WEIGHT_BYTES apart: the latter is a constant, so that
 * weights are read at constant offsets from one address. Sums of integers are exact, so their order is free.
 */
import { SOFTMAX_WEIGHT_BYTES } from '../src/kernels/abi/attention'

const NEXT: usize = SOFTMAX_WEIGHT_BYTES

/** Adds to the sums of `queries` queries. */
export function addPairs(
  o: usize,
  step: usize,
  w: usize,
  queries: u32,
  v: usize,
  stride: usize,
  pairs: u32,
  size: usize,
): void {
  const end = w + ((<usize>pairs) << 2)
  let n: u32 = 0
  for (; n + 4 <= queries; n += 4, o += 4 * step) {
    addFour(o, step, w + n * NEXT, end + n * NEXT, v, stride, size)
  }
  if (n + 2 <= queries) {
    addTwo(o, o + step, w + n * NEXT, end + n * NEXT, v, stride, size)
    n += 2
    o += 2 * step
  }
  if (n < queries) addOne(o, w + n * NEXT, end + n * NEXT, v, stride, size)
}

/** Adds to the sums of four queries, with the weights [w, end) and those after them. */
function addFour(o: usize, step: usize, w: usize, end: usize, v: usize, stride: usize, size: usize): void {
  let i: usize = 0
  if (ASC_FEATURE_SIMD) {
    for (; i + 16 <= size; i += 16) {
      const a = o + (i << 2)
      const b = a + step
      const c = b + step
      const d = c + step
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
      for (let p = w, row = v + (i << 1); p < end; p += 4, row += stride) {
        const v0 = v128.load_ext<i8>(row)
        const v1 = v128.load_ext<i8>(row, 8)
        const v2 = v128.load_ext<i8>(row, 16)
        const v3 = v128.load_ext<i8>(row, 24)
        const e = v128.load32_splat(p)
        a0 = i32x4.add(a0, i32x4.dot_i16x8_s(v0, e))
        a1 = i32x4.add(a1, i32x4.dot_i16x8_s(v1, e))
        a2 = i32x4.add(a2, i32x4.dot_i16x8_s(v2, e))
        a3 = i32x4.add(a3, i32x4.dot_i16x8_s(v3, e))
        const f = v128.load32_splat(p, NEXT)
        b0 = i32x4.add(b0, i32x4.dot_i16x8_s(v0, f))
        b1 = i32x4.add(b1, i32x4.dot_i16x8_s(v1, f))
        b2 = i32x4.add(b2, i32x4.dot_i16x8_s(v2, f))
        b3 = i32x4.add(b3, i32x4.dot_i16x8_s(v3, f))
        const g = v128.load32_splat(p, 2 * NEXT)
        c0 = i32x4.add(c0, i32x4.dot_i16x8_s(v0, g))
        c1 = i32x4.add(c1, i32x4.dot_i16x8_s(v1, g))
        c2 = i32x4.add(c2, i32x4.dot_i16x8_s(v2, g))
        c3 = i32x4.add(c3, i32x4.dot_i16x8_s(v3, g))
        const h = v128.load32_splat(p, 3 * NEXT)
        d0 = i32x4.add(d0, i32x4.dot_i16x8_s(v0, h))
        d1 = i32x4.add(d1, i32x4.dot_i16x8_s(v1, h))
        d2 = i32x4.add(d2, i32x4.dot_i16x8_s(v2, h))
        d3 = i32x4.add(d3, i32x4.dot_i16x8_s(v3, h))
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
  for (let n: usize = 0; n < 4; n++) addRest(o + n * step, w + n * NEXT, end + n * NEXT, v, stride, i, size)
}

/** Adds to the sums o and p of two queries. */
function addTwo(o: usize, p: usize, w: usize, end: usize, v: usize, stride: usize, size: usize): void {
  let i: usize = 0
  if (ASC_FEATURE_SIMD) {
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
      for (let x = w, row = v + (i << 1); x < end; x += 4, row += stride) {
        const v0 = v128.load_ext<i8>(row)
        const v1 = v128.load_ext<i8>(row, 8)
        const v2 = v128.load_ext<i8>(row, 16)
        const v3 = v128.load_ext<i8>(row, 24)
        const e = v128.load32_splat(x)
        a0 = i32x4.add(a0, i32x4.dot_i16x8_s(v0, e))
        a1 = i32x4.add(a1, i32x4.dot_i16x8_s(v1, e))
        a2 = i32x4.add(a2, i32x4.dot_i16x8_s(v2, e))
        a3 = i32x4.add(a3, i32x4.dot_i16x8_s(v3, e))
        const f = v128.load32_splat(x, NEXT)
        b0 = i32x4.add(b0, i32x4.dot_i16x8_s(v0, f))
        b1 = i32x4.add(b1, i32x4.dot_i16x8_s(v1, f))
        b2 = i32x4.add(b2, i32x4.dot_i16x8_s(v2, f))
        b3 = i32x4.add(b3, i32x4.dot_i16x8_s(v3, f))
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
  addRest(o, w, end, v, stride, i, size)
  addRest(p, w + NEXT, end + NEXT, v, stride, i, size)
}

/** Adds to the sums of one query. */
function addOne(o: usize, w: usize, end: usize, v: usize, stride: usize, size: usize): void {
  let i: usize = 0
  if (ASC_FEATURE_SIMD) {
    for (; i + 16 <= size; i += 16) {
      const a = o + (i << 2)
      let a0 = v128.load(a)
      let a1 = v128.load(a, 16)
      let a2 = v128.load(a, 32)
      let a3 = v128.load(a, 48)
      for (let x = w, row = v + (i << 1); x < end; x += 4, row += stride) {
        const e = v128.load32_splat(x)
        a0 = i32x4.add(a0, i32x4.dot_i16x8_s(v128.load_ext<i8>(row), e))
        a1 = i32x4.add(a1, i32x4.dot_i16x8_s(v128.load_ext<i8>(row, 8), e))
        a2 = i32x4.add(a2, i32x4.dot_i16x8_s(v128.load_ext<i8>(row, 16), e))
        a3 = i32x4.add(a3, i32x4.dot_i16x8_s(v128.load_ext<i8>(row, 24), e))
      }
      v128.store(a, a0)
      v128.store(a, a1, 16)
      v128.store(a, a2, 32)
      v128.store(a, a3, 48)
    }
  }
  addRest(o, w, end, v, stride, i, size)
}

/** The same for one query and only the numbers [from, size) of the rows. */
function addRest(o: usize, w: usize, end: usize, v: usize, stride: usize, from: usize, size: usize): void {
  for (let i = from; i < size; i += 4) {
    const a = o + (i << 2)
    if (ASC_FEATURE_SIMD) {
      let sum = v128.load(a)
      for (let x = w, row = v + (i << 1); x < end; x += 4, row += stride) {
        sum = i32x4.add(sum, i32x4.dot_i16x8_s(v128.load_ext<i8>(row), v128.load32_splat(x)))
      }
      v128.store(a, sum)
    } else {
      for (let j: usize = 0; j < 4; j++) {
        let sum = load<i32>(a + (j << 2))
        for (let x = w, row = v + ((i + j) << 1); x < end; x += 4, row += stride) {
          sum += load<i16>(x) * <i32>load<i8>(row) + load<i16>(x, 2) * <i32>load<i8>(row, 1)
        }
        store<i32>(a + (j << 2), sum)
      }
    }
  }
}
