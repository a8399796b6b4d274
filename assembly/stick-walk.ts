/*
 * One query's walk over a cache of floats or of bfloat16, key by key from its own to the oldest (attention.ts). A walk is
 * a record that can stop at any key and continue later: alone, or page by page with others (stick-tiles.ts).
 *
 * The rest of the stick is compared before every eighth key, counted from the query. So an interruption changes neither
 * the result nor the number of visited keys. Bit-identical in all tiers.
 */
import { AttentionArg, Place } from '../src/kernels/abi/attention'
import { arg, argf, scratch } from './control'
import { dot2, element, load4 } from './dot'
import { breakStick, row } from './stick'

/** Byte offsets in a walk. */
export enum Walk {
  /** Address of the query's channels. */
  query = 0,
  /** Address of the output's. */
  out = 4,
  /** Position of the query. */
  position = 8,
  /** Next key. */
  next = 12,
  /** Oldest key. */
  oldest = 16,
  /** f32: rest of the stick. */
  stick = 20,
  /** Address for the number of visited keys, or 0. */
  depth = 24,
}
export const WALK_BYTES = 28

/** Begins a walk for an item and one of its heads. */
export function begin(walk: usize, item: usize, head: u32, place: usize): void {
  const heads = arg(AttentionArg.heads)
  const depths: usize = arg(AttentionArg.depths)
  const channel = head * (arg(AttentionArg.channels) / heads)
  const offset = item * arg(AttentionArg.stride) + (channel << 2)
  const position = load<i32>(place, Place.position)
  store<u32>(walk, arg(AttentionArg.q) + offset, Walk.query)
  store<u32>(walk, arg(AttentionArg.output) + offset, Walk.out)
  store<i32>(walk, position, Walk.position)
  store<i32>(walk, position, Walk.next)
  store<i32>(walk, load<i32>(place, Place.oldest), Walk.oldest)
  store<f32>(walk, 1, Walk.stick)
  store<u32>(walk, depths == 0 ? 0 : depths + ((item * heads + head) << 2), Walk.depth)
}

/** Continues a walk to its end, and writes the number of visited keys. */
export function finish<T>(walk: usize, place: usize, head: u32, size: usize): void {
  walkTo<T>(walk, place, head, size, load<i32>(walk, Walk.oldest))
  const depth: usize = load<u32>(walk, Walk.depth)
  if (depth != 0) store<u32>(depth, load<i32>(walk, Walk.position) - load<i32>(walk, Walk.next))
}

/** Continues a walk through the cached rows of T until key `limit`, included, or until its stick is no longer enough. */
export function walkTo<T>(walk: usize, place: usize, head: u32, size: usize, limit: i32): void {
  const from = head * size * sizeof<T>()
  const keys: usize = load<u32>(place, Place.keys)
  const values: usize = load<u32>(place, Place.values)
  const position = load<i32>(walk, Walk.position)
  const query: usize = load<u32>(walk, Walk.query)
  const out: usize = load<u32>(walk, Walk.out)
  const scale = argf(AttentionArg.scale)
  const enough = argf(AttentionArg.enough)
  // Products q . k of a block, later the parts of the stick that its keys break off.
  const scores = scratch()
  let stick = load<f32>(walk, Walk.stick)
  let j = load<i32>(walk, Walk.next)
  while (j >= limit) {
    const done = (position - j) & 7
    if (done == 0 && !(stick >= enough)) break
    // The keys that are not in this block get weight 0 and repeat its last row, whose address is certainly valid.
    const last = min(8 - done, j - limit + 1)
    const end = j - last + 1
    for (let i = 0; i < last; i += 2) {
      dot2<T>(query, row(keys, j - i) + from, row(keys, max(j - i - 1, end)) + from, size, scores + (i << 2))
    }
    stick = breakStick(scores, last, stick, scale)
    addValues<T>(
      out,
      size,
      row(values, j) + from,
      row(values, max(j - 1, end)) + from,
      row(values, max(j - 2, end)) + from,
      row(values, max(j - 3, end)) + from,
      row(values, max(j - 4, end)) + from,
      row(values, max(j - 5, end)) + from,
      row(values, max(j - 6, end)) + from,
      row(values, max(j - 7, end)) + from,
      load<f32>(scores),
      load<f32>(scores, 4),
      load<f32>(scores, 8),
      load<f32>(scores, 12),
      load<f32>(scores, 16),
      load<f32>(scores, 20),
      load<f32>(scores, 24),
      load<f32>(scores, 28),
    )
    j -= last
  }
  store<f32>(walk, stick, Walk.stick)
  store<i32>(walk, j, Walk.next)
}

/** out += w0 v0 + ... + w7 v7, added newest first. Eight rows at once, so that out is read and written once for all. */
function addValues<T>(
  out: usize,
  size: usize,
  v0: usize,
  v1: usize,
  v2: usize,
  v3: usize,
  v4: usize,
  v5: usize,
  v6: usize,
  v7: usize,
  w0: f32,
  w1: f32,
  w2: f32,
  w3: f32,
  w4: f32,
  w5: f32,
  w6: f32,
  w7: f32,
): void {
  const bytes = size << 2
  let i: usize = 0
  if (ASC_FEATURE_SIMD) {
    const g0 = f32x4.splat(w0)
    const g1 = f32x4.splat(w1)
    const g2 = f32x4.splat(w2)
    const g3 = f32x4.splat(w3)
    const g4 = f32x4.splat(w4)
    const g5 = f32x4.splat(w5)
    const g6 = f32x4.splat(w6)
    const g7 = f32x4.splat(w7)
    for (; i + 16 <= bytes; i += 16) {
      let sum = v128.load(out + i)
      sum = f32x4.add(sum, f32x4.mul(g0, load4<T>(v0 + (i >> 2) * sizeof<T>())))
      sum = f32x4.add(sum, f32x4.mul(g1, load4<T>(v1 + (i >> 2) * sizeof<T>())))
      sum = f32x4.add(sum, f32x4.mul(g2, load4<T>(v2 + (i >> 2) * sizeof<T>())))
      sum = f32x4.add(sum, f32x4.mul(g3, load4<T>(v3 + (i >> 2) * sizeof<T>())))
      sum = f32x4.add(sum, f32x4.mul(g4, load4<T>(v4 + (i >> 2) * sizeof<T>())))
      sum = f32x4.add(sum, f32x4.mul(g5, load4<T>(v5 + (i >> 2) * sizeof<T>())))
      sum = f32x4.add(sum, f32x4.mul(g6, load4<T>(v6 + (i >> 2) * sizeof<T>())))
      sum = f32x4.add(sum, f32x4.mul(g7, load4<T>(v7 + (i >> 2) * sizeof<T>())))
      v128.store(out + i, sum)
    }
  }
  for (; i < bytes; i += 4) {
    let sum = load<f32>(out + i)
    sum += w0 * element<T>(v0, i >> 2)
    sum += w1 * element<T>(v1, i >> 2)
    sum += w2 * element<T>(v2, i >> 2)
    sum += w3 * element<T>(v3, i >> 2)
    sum += w4 * element<T>(v4, i >> 2)
    sum += w5 * element<T>(v5, i >> 2)
    sum += w6 * element<T>(v6, i >> 2)
    sum += w7 * element<T>(v7, i >> 2)
    store<f32>(out + i, sum)
  }
}
