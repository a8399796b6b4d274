/*
 * Stick-breaking attention over the KV cache, one item per token and slot. A slot is one of the token's k query
 * experts; all of them share keys and values.
 *
 * For query position i the walk goes from key i (the token itself) back to the oldest with a stick of length 1:
 *     z = (q . k_j) / sqrt(s)      w_j = sigmoid(z) * stick      stick *= 1 - sigmoid(z)      o += w_j * v_j
 * The weights are not normalised. The rest of the stick bounds all that older keys can still add, in units of the
 * largest value, so the walk ends once it is below `enough`: exact to that bound, and cheap for any length of the past.
 * The rest is compared before every eighth key, counted from the query, so the result does not depend on how the prompt
 * was split. Long walks of neighbouring tokens read the cache together, page by page.
 *
 * The tokens of a micro-batch may belong to several sequences: each has a place, which gives its position and its
 * cache.
 *
 * Arguments: AttentionArg (src/kernels/abi/attention.ts). A page holds PAGE_ROWS rows; table[position >> PAGE_SHIFT] is its
 * address. Bit-identical in all tiers.
 */
import { AttentionArg, PLACE_BYTES, Place } from '../src/kernels/abi/attention'
import { CacheCode, PAGE_ROWS } from '../src/kernels/abi/formats'
import { arg, argf, scratch } from './control'
import { quantizeBlocks } from './quantize'
import { row } from './stick'
import { AFTER_TILE, TILE_WALKS, walkPage } from './stick-tiles'
import { begin, finish, WALK_BYTES, Walk, walkTo } from './stick-walk'
import { walkQ8 } from './stick-walk-q8'

/** Keys that each query visits alone before it may continue with others. Most sticks of random weights end sooner. */
const ALONE = 16

export function attention(chunk: u32): void {
  const parts = arg(AttentionArg.parts)
  const most = arg(AttentionArg.unitItems)
  const items = arg(AttentionArg.items)
  const units = ((items + most - 1) / most) * parts
  const from = chunk * arg(AttentionArg.chunkUnits)
  const to = min(from + arg(AttentionArg.chunkUnits), units)
  for (let unit = from; unit < to; unit++) {
    const first = (unit / parts) * most
    attend(first, min(first + most, items), unit % parts)
  }
}

/** Computes the items [first, end) for one part of their heads. */
function attend(first: u32, end: u32, part: u32): void {
  const parts = arg(AttentionArg.parts)
  const stride: usize = arg(AttentionArg.stride)
  const heads = arg(AttentionArg.heads) / parts
  const size: usize = arg(AttentionArg.channels) / arg(AttentionArg.heads)
  const firstChannel = part * heads * size
  // The last part includes the padding.
  const endChannel = part == parts - 1 ? <usize>arg(AttentionArg.padded) : firstChannel + heads * size
  for (let item = first; item < end; item++) {
    const o = arg(AttentionArg.output) + item * stride
    for (let i: usize = firstChannel << 2; i < endChannel << 2; i += 4) store<f32>(o + i, 0)
  }
  for (let item = first, next = first; item < end; item = next) {
    next = sameCache(item, end)
    for (let h = part * heads; h < (part + 1) * heads; h++) {
      if (arg(AttentionArg.format) == CacheCode.q8) walkAllQ8(item, next, h, size)
      else if (arg(AttentionArg.format) == CacheCode.bf16) walkAll<u16>(item, next, h, size)
      else walkAll<f32>(item, next, h, size)
    }
  }
  const records: usize = arg(AttentionArg.records)
  if (records == 0) return
  for (let item = first; item < end; item++) {
    const o = arg(AttentionArg.output) + item * stride
    const record = records + item * arg(AttentionArg.recordStride)
    quantizeBlocks(o, record, arg(AttentionArg.padded), firstChannel >> 5, endChannel >> 5)
  }
}

function placeOf(item: u32): usize {
  return arg(AttentionArg.places) + (item / arg(AttentionArg.k)) * PLACE_BYTES
}

/** End of the items from `item` on whose tokens have the same cache. */
function sameCache(item: u32, end: u32): u32 {
  const keys = load<u32>(placeOf(item), Place.keys)
  let next = item + 1
  while (next < end && load<u32>(placeOf(next), Place.keys) == keys) next++
  return next
}

/** Walks from the items [first, end), which share a cache of rows of T, in one head. */
function walkAll<T>(first: u32, end: u32, head: u32, size: usize): void {
  const walks = scratch() + AFTER_TILE
  const place = placeOf(first)
  let lowest = i32.MAX_VALUE
  let oldest = 0
  for (let item = first; item < end; item++) {
    lowest = min(lowest, load<i32>(placeOf(item), Place.position))
    oldest = max(oldest, load<i32>(placeOf(item), Place.oldest))
  }
  // All walks that are still long then continue from the same page.
  let next = ((lowest + 1 - ALONE) & ~(PAGE_ROWS - 1)) - 1
  let count: u32 = 0
  for (let item = first; item < end; item++) {
    const walk = walks + count * WALK_BYTES
    begin(walk, item, head, placeOf(item))
    if (canShare(first, end, size)) {
      walkTo<T>(walk, place, head, size, max(next + 1, load<i32>(walk, Walk.oldest)))
      if (looksFar(walk, next)) {
        count++
        continue
      }
    }
    finish<T>(walk, place, head, size)
  }
  if (!ASC_FEATURE_SIMD) return
  const from = head * size * sizeof<T>()
  for (; count > 1 && next - PAGE_ROWS + 1 >= oldest; next -= PAGE_ROWS) {
    const keys = row(load<u32>(place, Place.keys), next - PAGE_ROWS + 1) + from
    const values = row(load<u32>(place, Place.values), next - PAGE_ROWS + 1) + from
    for (let i: u32 = 0; i < count; i += <u32>TILE_WALKS) {
      walkPage<T>(walks + i * WALK_BYTES, min<u32>(TILE_WALKS, count - i), keys, values, size)
    }
    count = finishEnded<T>(walks, count, next - PAGE_ROWS, place, head, size)
  }
  for (let i: u32 = 0; i < count; i++) finish<T>(walks + i * WALK_BYTES, place, head, size)
}

/** Walks from the items [first, end) over the q8 cache, one after another. */
function walkAllQ8(first: u32, end: u32, head: u32, size: usize): void {
  const depths: usize = arg(AttentionArg.depths)
  const stride: usize = arg(AttentionArg.stride)
  for (let item = first; item < end; item++) {
    const q = arg(AttentionArg.q) + item * stride
    const o = arg(AttentionArg.output) + item * stride
    const walked = walkQ8(q, o, placeOf(item), head, size)
    if (depths != 0) store<u32>(depths + ((item * arg(AttentionArg.heads) + head) << 2), walked)
  }
}

/** Whether walks in heads of this size can be computed together. */
function canShare(first: u32, end: u32, size: usize): bool {
  return ASC_FEATURE_SIMD && end - first > 1 && (size & 15) == 0
}

/** Whether a walk has come to key `next` with a stick that may well be enough for another page. */
function looksFar(walk: usize, next: i32): bool {
  const stick = load<f32>(walk, Walk.stick)
  return load<i32>(walk, Walk.next) == next && stick * stick * stick >= argf(AttentionArg.enough)
}

/** Finishes the walks that have not come to key `next`. Puts the others in a row, and returns their number. */
function finishEnded<T>(walks: usize, count: u32, next: i32, place: usize, head: u32, size: usize): u32 {
  let kept: u32 = 0
  for (let i: u32 = 0; i < count; i++) {
    const walk = walks + i * WALK_BYTES
    if (load<i32>(walk, Walk.next) == next) {
      if (kept != i) memory.copy(walks + kept * WALK_BYTES, walk, WALK_BYTES)
      kept++
    } else {
      finish<T>(walk, place, head, size)
    }
  }
  return kept
}
