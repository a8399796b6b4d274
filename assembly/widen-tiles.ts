/*
 * Turns tiles of 3-bit and 2-bit weights into tiles of 4-bit ones with the same scales (tile-q4.ts), so that the 4-bit
 * products serve lists of several activation rows: a level n of q3 becomes the nibble n + 4, one of q2 4 n + 1. The
 * integer products are the same numbers, and so is every bit of the result.
 */
import { TileBytes, WeightCode } from '../src/runtime/abi/formats'
import { tileBytes } from './matmul'
import { levelQ2 } from './tile-q2'
import { levelQ3 } from './tile-q3'

/** Widens a band of q3 or q2 weights. */
export function widenTiles(format: u32, weights: usize, columns: usize, wide: usize): void {
  const end = wide + (columns >> 5) * <usize>TileBytes.q4
  if (!ASC_FEATURE_SIMD) {
    const step = tileBytes(format)
    for (; wide < end; weights += step, wide += TileBytes.q4) scalarWiden(format, weights, wide)
  } else if (format == WeightCode.q3) {
    for (; wide < end; weights += TileBytes.q3, wide += TileBytes.q4) widenQ3(weights, wide)
  } else {
    for (; wide < end; weights += TileBytes.q2, wide += TileBytes.q4) widenQ2(weights, wide)
  }
}

function widenQ3(tile: usize, wide: usize): void {
  v128.store(wide, v128.load(tile))
  for (let half: usize = 0; half < 32; half += 16) {
    const a = v128.load(tile + half, 16)
    const b = v128.load(tile + half, 48)
    const c = v128.load(tile + half, 80)
    const six = v128.or(bits(i16x8.shr_u(a, 6), 3), bits(i16x8.shr_u(b, 4), 4))
    const seven = v128.or(bits(i16x8.shr_u(c, 2), 0x30), bits(i16x8.shr_u(b, 1), 0x40))
    v128.store(wide + half, twoFields(a), 16)
    v128.store(wide + half, twoFields(b), 48)
    v128.store(wide + half, twoFields(c), 80)
    v128.store(wide + half, i8x16.add(v128.or(six, seven), i8x16.splat(0x44)), 112)
  }
}

/** Bits 0-2 and 3-5 of each byte as nibbles, plus 4 each. */
function twoFields(bytes: v128): v128 {
  return i8x16.add(v128.or(bits(bytes, 7), bits(i16x8.shl(bytes, 1), 0x70)), i8x16.splat(0x44))
}

function widenQ2(tile: usize, wide: usize): void {
  v128.store(wide, v128.load(tile))
  for (let half: usize = 0; half < 32; half += 16) {
    for (let i: usize = 0; i < 2; i++) {
      const w = v128.load(tile + half + (i << 5), 16)
      const to = wide + half + (i << 6)
      const first = v128.or(bits(i16x8.shl(w, 2), 0x0c), bits(i16x8.shl(w, 4), <i8>0xc0))
      const second = v128.or(bits(i16x8.shr_u(w, 2), 0x0c), bits(w, <i8>0xc0))
      v128.store(to, v128.or(first, i8x16.splat(0x11)), 16)
      v128.store(to, v128.or(second, i8x16.splat(0x11)), 48)
    }
  }
}

function bits(bytes: v128, mask: i8): v128 {
  return v128.and(bytes, i8x16.splat(mask))
}

/** One tile without vectors. */
function scalarWiden(format: u32, tile: usize, wide: usize): void {
  memory.copy(wide, tile, 16)
  for (let r: usize = 0; r < 8; r++) {
    for (let byte: usize = 0; byte < 16; byte++) {
      const c = ((byte >> 2) << 3) + (byte & 3)
      const nibbles = nibbleOf(format, tile, r, c) | (nibbleOf(format, tile, r, c + 4) << 4)
      store<u8>(wide + ((byte >> 2) << 5) + (r << 2) + (byte & 3), nibbles, 16)
    }
  }
}

function nibbleOf(format: u32, tile: usize, r: usize, c: usize): i32 {
  return format == WeightCode.q3 ? levelQ3(tile, r, c) + 4 : 4 * levelQ2(tile, r, c) + 1
}
