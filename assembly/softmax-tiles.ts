/*
 * The two products of softmax attention, of one or two queries with a run of cached rows that lie `stride` bytes apart:
 * scores q . k, and sums of weighted values. Two queries read each row once for both.
 *
 * Order of additions. A score: 8 interleaved partial sums over the first n & ~7 channels, added as a fixed tree, then the
 * rest one by one. A sum of values: key by key. T is the type of the cached numbers: f32, or u16 for bfloat16.
 * Bit-identical in all tiers; no alignment needed.
 *
 * Neighbouring halves of 8 channels are stored side by side before they are added, since V8 fuses pairs of vectors from
 * such stores backwards.
 */
import { scratch } from './control'
import { element, load4 } from './dot'

/** Scores of queries q and r with `count` rows from k on, to floats at toQ and toR; one float beyond may be overwritten. */
export function scoreTwo<T>(
  q: usize,
  r: usize,
  k: usize,
  stride: usize,
  count: i32,
  size: usize,
  toQ: usize,
  toR: usize,
): void {
  if (ASC_FEATURE_SIMD) {
    const whole = size & ~7
    const sums = scratch()
    for (; count > 0; count -= 2, k += 2 * stride, toQ += 8, toR += 8) {
      const l = count > 1 ? k + stride : k
      let a0 = f32x4.splat(0)
      let a1 = f32x4.splat(0)
      let b0 = f32x4.splat(0)
      let b1 = f32x4.splat(0)
      let c0 = f32x4.splat(0)
      let c1 = f32x4.splat(0)
      let d0 = f32x4.splat(0)
      let d1 = f32x4.splat(0)
      for (let i: usize = 0; i < whole; i += 8) {
        const q0 = v128.load(q + (i << 2))
        const q1 = v128.load(q + (i << 2), 16)
        const r0 = v128.load(r + (i << 2))
        const r1 = v128.load(r + (i << 2), 16)
        const k0 = load4<T>(k + i * sizeof<T>())
        const k1 = load4<T>(k + i * sizeof<T>() + 4 * sizeof<T>())
        const l0 = load4<T>(l + i * sizeof<T>())
        const l1 = load4<T>(l + i * sizeof<T>() + 4 * sizeof<T>())
        a0 = f32x4.add(a0, f32x4.mul(q0, k0))
        a1 = f32x4.add(a1, f32x4.mul(q1, k1))
        b0 = f32x4.add(b0, f32x4.mul(q0, l0))
        b1 = f32x4.add(b1, f32x4.mul(q1, l1))
        c0 = f32x4.add(c0, f32x4.mul(r0, k0))
        c1 = f32x4.add(c1, f32x4.mul(r1, k1))
        d0 = f32x4.add(d0, f32x4.mul(r0, l0))
        d1 = f32x4.add(d1, f32x4.mul(r1, l1))
      }
      v128.store(sums, a0)
      v128.store(sums, a1, 16)
      v128.store(sums, b0, 32)
      v128.store(sums, b1, 48)
      v128.store(sums, c0, 64)
      v128.store(sums, c1, 80)
      v128.store(sums, d0, 96)
      v128.store(sums, d1, 112)
      const four = addTrees(sums)
      v128.store64_lane(toQ, four, 0)
      v128.store64_lane(toR, four, 1)
      if (whole == size) continue
      addRest<T>(toQ, q, k, whole, size)
      addRest<T>(toQ + 4, q, l, whole, size)
      addRest<T>(toR, r, k, whole, size)
      addRest<T>(toR + 4, r, l, whole, size)
    }
  } else {
    scoreOne<T>(q, k, stride, count, size, toQ)
    scoreOne<T>(r, k, stride, count, size, toR)
  }
}

/** Scores of one query with `count` rows from k on, to floats at `to`; up to three floats beyond may be overwritten. */
export function scoreOne<T>(q: usize, k: usize, stride: usize, count: i32, size: usize, to: usize): void {
  const whole = size & ~7
  if (ASC_FEATURE_SIMD) {
    const sums = scratch()
    for (; count > 0; count -= 4, k += 4 * stride, to += 16) {
      const l = count > 1 ? k + stride : k
      const m = count > 2 ? l + stride : l
      const n = count > 3 ? m + stride : m
      let a0 = f32x4.splat(0)
      let a1 = f32x4.splat(0)
      let b0 = f32x4.splat(0)
      let b1 = f32x4.splat(0)
      let c0 = f32x4.splat(0)
      let c1 = f32x4.splat(0)
      let d0 = f32x4.splat(0)
      let d1 = f32x4.splat(0)
      for (let i: usize = 0; i < whole; i += 8) {
        const q0 = v128.load(q + (i << 2))
        const q1 = v128.load(q + (i << 2), 16)
        const p = i * sizeof<T>()
        a0 = f32x4.add(a0, f32x4.mul(q0, load4<T>(k + p)))
        a1 = f32x4.add(a1, f32x4.mul(q1, load4<T>(k + p + 4 * sizeof<T>())))
        b0 = f32x4.add(b0, f32x4.mul(q0, load4<T>(l + p)))
        b1 = f32x4.add(b1, f32x4.mul(q1, load4<T>(l + p + 4 * sizeof<T>())))
        c0 = f32x4.add(c0, f32x4.mul(q0, load4<T>(m + p)))
        c1 = f32x4.add(c1, f32x4.mul(q1, load4<T>(m + p + 4 * sizeof<T>())))
        d0 = f32x4.add(d0, f32x4.mul(q0, load4<T>(n + p)))
        d1 = f32x4.add(d1, f32x4.mul(q1, load4<T>(n + p + 4 * sizeof<T>())))
      }
      v128.store(sums, a0)
      v128.store(sums, a1, 16)
      v128.store(sums, b0, 32)
      v128.store(sums, b1, 48)
      v128.store(sums, c0, 64)
      v128.store(sums, c1, 80)
      v128.store(sums, d0, 96)
      v128.store(sums, d1, 112)
      v128.store(to, addTrees(sums))
      if (whole == size) continue
      addRest<T>(to, q, k, whole, size)
      addRest<T>(to + 4, q, l, whole, size)
      addRest<T>(to + 8, q, m, whole, size)
      addRest<T>(to + 12, q, n, whole, size)
    }
  } else {
    for (; count > 0; count--, k += stride, to += 4) {
      store<f32>(
        to,
        column<T>(q, k, whole, 0) + column<T>(q, k, whole, 1) + (column<T>(q, k, whole, 2) + column<T>(q, k, whole, 3)),
      )
      addRest<T>(to, q, k, whole, size)
    }
  }
}

/** Four scores, from 8 partial sums of each. */
function addTrees(sums: usize): v128 {
  const a = f32x4.add(v128.load(sums), v128.load(sums, 16))
  const b = f32x4.add(v128.load(sums, 32), v128.load(sums, 48))
  const c = f32x4.add(v128.load(sums, 64), v128.load(sums, 80))
  const d = f32x4.add(v128.load(sums, 96), v128.load(sums, 112))
  const ab0 = v128.shuffle<i32>(a, b, 0, 4, 1, 5)
  const ab1 = v128.shuffle<i32>(a, b, 2, 6, 3, 7)
  const cd0 = v128.shuffle<i32>(c, d, 0, 4, 1, 5)
  const cd1 = v128.shuffle<i32>(c, d, 2, 6, 3, 7)
  return f32x4.add(
    f32x4.add(v128.shuffle<i64>(ab0, cd0, 0, 2), v128.shuffle<i64>(ab0, cd0, 1, 3)),
    f32x4.add(v128.shuffle<i64>(ab1, cd1, 0, 2), v128.shuffle<i64>(ab1, cd1, 1, 3)),
  )
}

/** Partial sums lane and lane + 4 of a score, added. */
function column<T>(q: usize, k: usize, n: usize, lane: usize): f32 {
  return chain<T>(q, k, n, lane) + chain<T>(q, k, n, lane + 4)
}

function chain<T>(q: usize, k: usize, n: usize, lane: usize): f32 {
  let sum: f32 = 0
  for (let i = lane; i < n; i += 8) sum += load<f32>(q + (i << 2)) * element<T>(k, i)
  return sum
}

/** Adds the products of channels [from, size) to the score at `to`. */
function addRest<T>(to: usize, q: usize, k: usize, from: usize, size: usize): void {
  let sum = load<f32>(to)
  for (let i = from; i < size; i++) sum += load<f32>(q + (i << 2)) * element<T>(k, i)
  store<f32>(to, sum)
}

/** o += w[0] v[0] + w[1] v[1] + ..., and p with the weights x likewise, over `count` rows from v on. */
export function addTwo<T>(
  o: usize,
  p: usize,
  w: usize,
  x: usize,
  v: usize,
  stride: usize,
  count: i32,
  size: usize,
): void {
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
      for (let j: usize = 0; j < (<usize>count) << 2; j += 4, row += stride) {
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
  addChannels<T>(o, w, v, stride, count, i, size)
  addChannels<T>(p, x, v, stride, count, i, size)
}

/** o += w[0] v[0] + w[1] v[1] + ... over `count` rows from v on. */
export function addOne<T>(o: usize, w: usize, v: usize, stride: usize, count: i32, size: usize): void {
  let i: usize = 0
  if (ASC_FEATURE_SIMD) {
    for (; i + 16 <= size; i += 16) {
      const a = o + (i << 2)
      let a0 = v128.load(a)
      let a1 = v128.load(a, 16)
      let a2 = v128.load(a, 32)
      let a3 = v128.load(a, 48)
      let row = v + i * sizeof<T>()
      for (let j: usize = 0; j < (<usize>count) << 2; j += 4, row += stride) {
        const g = v128.load32_splat(w + j)
        a0 = f32x4.add(a0, f32x4.mul(g, load4<T>(row)))
        a1 = f32x4.add(a1, f32x4.mul(g, load4<T>(row + 4 * sizeof<T>())))
        a2 = f32x4.add(a2, f32x4.mul(g, load4<T>(row + 8 * sizeof<T>())))
        a3 = f32x4.add(a3, f32x4.mul(g, load4<T>(row + 12 * sizeof<T>())))
      }
      v128.store(a, a0)
      v128.store(a, a1, 16)
      v128.store(a, a2, 32)
      v128.store(a, a3, 48)
    }
  }
  addChannels<T>(o, w, v, stride, count, i, size)
}

/** The same for channels [from, size) alone. */
function addChannels<T>(o: usize, w: usize, v: usize, stride: usize, count: i32, from: usize, size: usize): void {
  for (let i = from; i < size; i++) {
    let sum = load<f32>(o + (i << 2))
    let row = v
    for (let j: usize = 0; j < (<usize>count) << 2; j += 4, row += stride) sum += load<f32>(w + j) * element<T>(row, i)
    store<f32>(o + (i << 2), sum)
  }
}
