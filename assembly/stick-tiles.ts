/*
 * Walks of several queries of one head, a page of keys at a time: each row of the page is read once for four queries
 * (attention.ts). A query has the same products and sums as in a walk alone, in the same order.
 */
import { AttentionArg } from '../src/kernels/abi/attention'
import { PAGE_ROWS } from '../src/kernels/abi/formats'
import { arg, argf, scratch } from './control'
import { load4, reduce } from './dot'
import { breakSticks } from './stick'
import { WALK_BYTES, Walk } from './stick-walk'

/** Walks that share the rows they read. */
export const TILE_WALKS = 4

/** Bytes of a number of four queries: the four numbers of a key are neighbours. */
const KEY_BYTES: usize = 4 * TILE_WALKS
const PAGE_BYTES: usize = KEY_BYTES * PAGE_ROWS
/** Scratch of a tile, after the scratch of single walks: numbers and rests of a page's keys, and chains of products. */
const TILE_SCRATCH: usize = 64
const CHAINS: usize = TILE_SCRATCH + 2 * PAGE_BYTES
const STICKS: usize = CHAINS + 4 * 64
/** First byte of scratch that a tile does not use. */
export const AFTER_TILE: usize = STICKS + 16

/**
 * Continues 2 to TILE_WALKS walks through a page that all of them see whole. `keys` and `values` are the addresses of
 * the head's channels in its first row; `size`, their number, is a multiple of 16. A walk whose stick is not enough
 * after the page ends somewhere within it: it stays at the page's last key.
 */
export function walkPage<T>(walks: usize, count: u32, keys: usize, values: usize, size: usize): void {
  const stride: usize = arg(AttentionArg.cacheStride)
  const enough = argf(AttentionArg.enough)
  const weights = scratch() + TILE_SCRATCH
  const sticks = scratch() + STICKS
  for (let i: u32 = 0; i < <u32>TILE_WALKS; i++) {
    // A missing query gets the last one's numbers.
    store<f32>(sticks + (i << 2), load<f32>(walkAt(walks, min(i, count - 1)), Walk.stick))
  }
  for (let i: u32 = 0; i < <u32>TILE_WALKS; i += 2) {
    scorePage<T>(queryOf(walks, i, count), queryOf(walks, i + 1, count), keys, stride, size, weights + (i << 2))
  }
  v128.store(sticks, breakSticks(weights, weights + PAGE_BYTES, v128.load(sticks), argf(AttentionArg.scale)))
  let alive: u32 = 0
  for (let i: u32 = 0; i < count; i++) {
    const walk = walkAt(walks, i)
    const stick = load<f32>(sticks + (i << 2))
    if (!(stick >= enough)) continue
    store<f32>(walk, stick, Walk.stick)
    store<i32>(walk, load<i32>(walk, Walk.next) - PAGE_ROWS, Walk.next)
    alive |= 1 << i
  }
  if (alive == (1 << TILE_WALKS) - 1) {
    addToFour<T>(outOf(walks, 0), outOf(walks, 1), outOf(walks, 2), outOf(walks, 3), weights, values, stride, size)
    return
  }
  for (let i: u32 = 0; i < count; i++) {
    if (alive & (1 << i)) addToOne<T>(outOf(walks, i), weights + (i << 2), values, stride, size)
  }
}

function walkAt(walks: usize, i: u32): usize {
  return walks + i * WALK_BYTES
}

function queryOf(walks: usize, i: u32, count: u32): usize {
  return load<u32>(walkAt(walks, min(i, count - 1)), Walk.query)
}

function outOf(walks: usize, i: u32): usize {
  return load<u32>(walkAt(walks, i), Walk.out)
}

/** Multiplies two queries with the keys of a page; `to` has their two numbers of each key, KEY_BYTES apart. */
function scorePage<T>(q: usize, r: usize, keys: usize, stride: usize, size: usize, to: usize): void {
  const chains = scratch() + CHAINS
  for (let i: usize = 0; i < <usize>PAGE_ROWS; i += 2) {
    const key = keys + i * stride
    // Two of the four vectors of chains at once: eight sums fit into the registers.
    multiply<T>(q, r, key, key + stride, size, chains)
    multiply<T>(q + 32, r + 32, key + 8 * sizeof<T>(), key + stride + 8 * sizeof<T>(), size, chains + 32)
    const at = to + i * KEY_BYTES
    store<f32>(at, total(chains))
    store<f32>(at, total(chains + 64), 4)
    store<f32>(at + KEY_BYTES, total(chains + 128))
    store<f32>(at + KEY_BYTES, total(chains + 192), 4)
  }
}

/** Sum of 16 chains, in the order of `dot`. */
function total(chains: usize): f32 {
  return reduce(v128.load(chains), v128.load(chains, 16), v128.load(chains, 32), v128.load(chains, 48))
}

/** Eight of the 16 chains of the products of q and r with k and l. */
function multiply<T>(q: usize, r: usize, k: usize, l: usize, size: usize, to: usize): void {
  let a0 = f32x4.splat(0)
  let a1 = f32x4.splat(0)
  let b0 = f32x4.splat(0)
  let b1 = f32x4.splat(0)
  let c0 = f32x4.splat(0)
  let c1 = f32x4.splat(0)
  let d0 = f32x4.splat(0)
  let d1 = f32x4.splat(0)
  const end = q + (size << 2)
  for (; q < end; q += 64, r += 64, k += 16 * sizeof<T>(), l += 16 * sizeof<T>()) {
    const q0 = v128.load(q)
    const q1 = v128.load(q, 16)
    const r0 = v128.load(r)
    const r1 = v128.load(r, 16)
    const k0 = load4<T>(k)
    const k1 = load4<T>(k + 4 * sizeof<T>())
    const l0 = load4<T>(l)
    const l1 = load4<T>(l + 4 * sizeof<T>())
    a0 = f32x4.add(a0, f32x4.mul(q0, k0))
    a1 = f32x4.add(a1, f32x4.mul(q1, k1))
    b0 = f32x4.add(b0, f32x4.mul(r0, k0))
    b1 = f32x4.add(b1, f32x4.mul(r1, k1))
    c0 = f32x4.add(c0, f32x4.mul(q0, l0))
    c1 = f32x4.add(c1, f32x4.mul(q1, l1))
    d0 = f32x4.add(d0, f32x4.mul(r0, l0))
    d1 = f32x4.add(d1, f32x4.mul(r1, l1))
  }
  v128.store(to, a0)
  v128.store(to, a1, 16)
  v128.store(to, b0, 64)
  v128.store(to, b1, 80)
  v128.store(to, c0, 128)
  v128.store(to, c1, 144)
  v128.store(to, d0, 192)
  v128.store(to, d1, 208)
}

/** Adds the weighted values of a page to four outputs, newest first. */
function addToFour<T>(
  o: usize,
  p: usize,
  q: usize,
  r: usize,
  weights: usize,
  values: usize,
  stride: usize,
  size: usize,
): void {
  const newest = values + (PAGE_ROWS - 1) * stride
  for (let i: usize = 0; i < size << 2; i += 64) {
    let a0 = v128.load(o + i)
    let a1 = v128.load(o + i, 16)
    let a2 = v128.load(o + i, 32)
    let a3 = v128.load(o + i, 48)
    let b0 = v128.load(p + i)
    let b1 = v128.load(p + i, 16)
    let b2 = v128.load(p + i, 32)
    let b3 = v128.load(p + i, 48)
    let c0 = v128.load(q + i)
    let c1 = v128.load(q + i, 16)
    let c2 = v128.load(q + i, 32)
    let c3 = v128.load(q + i, 48)
    let d0 = v128.load(r + i)
    let d1 = v128.load(r + i, 16)
    let d2 = v128.load(r + i, 32)
    let d3 = v128.load(r + i, 48)
    let value = newest + (i >> 2) * sizeof<T>()
    for (let w = weights + PAGE_BYTES - KEY_BYTES; w >= weights; w -= KEY_BYTES, value -= stride) {
      const v0 = load4<T>(value)
      const v1 = load4<T>(value + 4 * sizeof<T>())
      const v2 = load4<T>(value + 8 * sizeof<T>())
      const v3 = load4<T>(value + 12 * sizeof<T>())
      const a = v128.load32_splat(w)
      a0 = f32x4.add(a0, f32x4.mul(a, v0))
      a1 = f32x4.add(a1, f32x4.mul(a, v1))
      a2 = f32x4.add(a2, f32x4.mul(a, v2))
      a3 = f32x4.add(a3, f32x4.mul(a, v3))
      const b = v128.load32_splat(w, 4)
      b0 = f32x4.add(b0, f32x4.mul(b, v0))
      b1 = f32x4.add(b1, f32x4.mul(b, v1))
      b2 = f32x4.add(b2, f32x4.mul(b, v2))
      b3 = f32x4.add(b3, f32x4.mul(b, v3))
      const c = v128.load32_splat(w, 8)
      c0 = f32x4.add(c0, f32x4.mul(c, v0))
      c1 = f32x4.add(c1, f32x4.mul(c, v1))
      c2 = f32x4.add(c2, f32x4.mul(c, v2))
      c3 = f32x4.add(c3, f32x4.mul(c, v3))
      const d = v128.load32_splat(w, 12)
      d0 = f32x4.add(d0, f32x4.mul(d, v0))
      d1 = f32x4.add(d1, f32x4.mul(d, v1))
      d2 = f32x4.add(d2, f32x4.mul(d, v2))
      d3 = f32x4.add(d3, f32x4.mul(d, v3))
    }
    v128.store(o + i, a0)
    v128.store(o + i, a1, 16)
    v128.store(o + i, a2, 32)
    v128.store(o + i, a3, 48)
    v128.store(p + i, b0)
    v128.store(p + i, b1, 16)
    v128.store(p + i, b2, 32)
    v128.store(p + i, b3, 48)
    v128.store(q + i, c0)
    v128.store(q + i, c1, 16)
    v128.store(q + i, c2, 32)
    v128.store(q + i, c3, 48)
    v128.store(r + i, d0)
    v128.store(r + i, d1, 16)
    v128.store(r + i, d2, 32)
    v128.store(r + i, d3, 48)
  }
}

/** The same for one output. */
function addToOne<T>(o: usize, weights: usize, values: usize, stride: usize, size: usize): void {
  const newest = values + (PAGE_ROWS - 1) * stride
  for (let i: usize = 0; i < size << 2; i += 64) {
    let a0 = v128.load(o + i)
    let a1 = v128.load(o + i, 16)
    let a2 = v128.load(o + i, 32)
    let a3 = v128.load(o + i, 48)
    let value = newest + (i >> 2) * sizeof<T>()
    for (let w = weights + PAGE_BYTES - KEY_BYTES; w >= weights; w -= KEY_BYTES, value -= stride) {
      const a = v128.load32_splat(w)
      a0 = f32x4.add(a0, f32x4.mul(a, load4<T>(value)))
      a1 = f32x4.add(a1, f32x4.mul(a, load4<T>(value + 4 * sizeof<T>())))
      a2 = f32x4.add(a2, f32x4.mul(a, load4<T>(value + 8 * sizeof<T>())))
      a3 = f32x4.add(a3, f32x4.mul(a, load4<T>(value + 12 * sizeof<T>())))
    }
    v128.store(o + i, a0)
    v128.store(o + i, a1, 16)
    v128.store(o + i, a2, 32)
    v128.store(o + i, a3, 48)
  }
}
