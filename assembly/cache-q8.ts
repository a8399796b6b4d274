/*
 * Rows of keys and values as the q8 cache stores them: levels of 8 bits (levels.ts) with a scale for each position and
 * head. So a stored row never changes when others are appended, and does not depend on how a prompt was split.
 *
 * Pages of softmax attention hold one head after another. A head has PAGE_ROWS scales, then its levels in pairs, so
 * that softmax-tiles-q8.ts reads them as rows:
 *   keys    for each pair of channels, the pair of each position
 *   values  for each pair of positions, the pair of each channel
 * with the channels padded with zeros to a multiple of 4. Pages of stick-breaking attention hold whole rows: a scale
 * for each head, then the levels of all channels, and room for the padding of the last head.
 */
import { PAGE_ROWS } from '../src/kernels/abi/formats'
import { scratch } from './control'
import { levels8 } from './levels'

/**
 * Stores `count` rows of a head of `size` channels, as keys or values, from row `first` of a page on. `page` is the
 * address of the head in the page; `stride` is in bytes.
 */
export function quantizeHead(
  source: usize,
  stride: usize,
  page: usize,
  first: u32,
  size: usize,
  count: u32,
  areKeys: bool,
): void {
  const levels = scratch()
  const channels = (size + 3) & ~3
  const pairs = page + (PAGE_ROWS << 2)
  for (let row: usize = first; row < first + count; row++, source += stride) {
    store<f32>(page + (row << 2), levels8(source, size, levels))
    if (areKeys) {
      const to = pairs + (row << 1)
      for (let c: usize = 0; c < channels; c += 2) store<u16>(to + c * PAGE_ROWS, load<u16>(levels + c))
    } else {
      const to = pairs + (row >> 1) * (channels << 1) + (row & 1)
      for (let c: usize = 0; c < channels; c++) store<u8>(to + (c << 1), load<u8>(levels + c))
    }
  }
}

/** Stores `count` whole rows of `heads` heads of `size` channels. Strides are in bytes. */
export function quantizeRows(
  source: usize,
  stride: usize,
  target: usize,
  targetStride: usize,
  heads: u32,
  size: usize,
  count: u32,
): void {
  for (let r: u32 = 0; r < count; r++, source += stride, target += targetStride) {
    const levels = target + (heads << 2)
    // The padding of a head is overwritten by the next one.
    for (let h: usize = 0; h < heads; h++) {
      store<f32>(target + (h << 2), levels8(source + ((h * size) << 2), size, levels + h * size))
    }
  }
}
