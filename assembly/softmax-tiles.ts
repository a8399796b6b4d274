/*
 * Sums of weighted rows: o += w[0] v[0] + w[1] v[1] + ..., over `count` rows of `size` numbers that lie `stride` bytes
 * apart. Softmax attention consists of two of them: products of queries and keys, where a row is one channel of all keys
 * of a page and its weight the query's number there; and outputs, where a row is a value. Two sums with weights of their
 * own read each row once for both.
 *
 * Order of additions: row by row. T is the type of the rows' numbers: f32, or u16 for bfloat16. Bit-identical in all
 * tiers; no alignment needed.
 */
import { element, load4 } from './dot'

/** o with the weights w and p with the weights x. */
export function addTwo<T>(
  o: usize,
  p: usize,
  w: usize,
  x: usize,
  v: usize,
  stride: usize,
  count: u32,
  size: usize,
): void {
  const bytes = (<usize>count) << 2
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
      let row = v + i * sizeof<T>()
      for (let j: usize = 0; j < bytes; j += 4, row += stride) {
        const g = v128.load32_splat(w + j)
        const h = v128.load32_splat(x + j)
        const v0 = load4<T>(row)
        const v1 = load4<T>(row + 4 * sizeof<T>())
        const v2 = load4<T>(row + 8 * sizeof<T>())
        const v3 = load4<T>(row + 12 * sizeof<T>())
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

/** o with the weights w. */
export function addOne<T>(o: usize, w: usize, v: usize, stride: usize, count: u32, size: usize): void {
  const bytes = (<usize>count) << 2
  let i: usize = 0
  if (ASC_FEATURE_SIMD) {
    for (; i + 32 <= size; i += 32) {
      const a = o + (i << 2)
      let a0 = v128.load(a)
      let a1 = v128.load(a, 16)
      let a2 = v128.load(a, 32)
      let a3 = v128.load(a, 48)
      let a4 = v128.load(a, 64)
      let a5 = v128.load(a, 80)
      let a6 = v128.load(a, 96)
      let a7 = v128.load(a, 112)
      let row = v + i * sizeof<T>()
      for (let j: usize = 0; j < bytes; j += 4, row += stride) {
        const g = v128.load32_splat(w + j)
        a0 = f32x4.add(a0, f32x4.mul(g, load4<T>(row)))
        a1 = f32x4.add(a1, f32x4.mul(g, load4<T>(row + 4 * sizeof<T>())))
        a2 = f32x4.add(a2, f32x4.mul(g, load4<T>(row + 8 * sizeof<T>())))
        a3 = f32x4.add(a3, f32x4.mul(g, load4<T>(row + 12 * sizeof<T>())))
        a4 = f32x4.add(a4, f32x4.mul(g, load4<T>(row + 16 * sizeof<T>())))
        a5 = f32x4.add(a5, f32x4.mul(g, load4<T>(row + 20 * sizeof<T>())))
        a6 = f32x4.add(a6, f32x4.mul(g, load4<T>(row + 24 * sizeof<T>())))
        a7 = f32x4.add(a7, f32x4.mul(g, load4<T>(row + 28 * sizeof<T>())))
      }
      v128.store(a, a0)
      v128.store(a, a1, 16)
      v128.store(a, a2, 32)
      v128.store(a, a3, 48)
      v128.store(a, a4, 64)
      v128.store(a, a5, 80)
      v128.store(a, a6, 96)
      v128.store(a, a7, 112)
    }
  }
  addRest<T>(o, w, v, stride, bytes, i, size)
}

/** The same for the numbers [from, size) of the rows alone. */
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
