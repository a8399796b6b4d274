/*
 * Turns tiles of 3-bit and 2-bit weights into tiles of 4-bit ones with the same scales (tile-q4.ts), so that the 4-bit
 * products serve lists of several activation rows: a level n of q3 becomes the nibble n + 4, one of q2 4 n + 1. The
 * integer products are the same numbers, and so is every bit of the result.
 */
import { TileBytes, WeightCode } from '../src/kernels/abi/formats'
import { tileBytes } from './tile-bytes'
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

/* Both halves of a tile, 16 bytes apart, are in one block, so that V8 can fuse them. */

function widenQ3(tile: usize, wide: usize): void {
  v128.store(wide, v128.load(tile))
  const a0 = v128.load(tile, 16)
  const a1 = v128.load(tile, 32)
  const b0 = v128.load(tile, 48)
  const b1 = v128.load(tile, 64)
  const c0 = v128.load(tile, 80)
  const c1 = v128.load(tile, 96)
  v128.store(wide, twoFields(a0), 16)
  v128.store(wide, twoFields(a1), 32)
  v128.store(wide, twoFields(b0), 48)
  v128.store(wide, twoFields(b1), 64)
  v128.store(wide, twoFields(c0), 80)
  v128.store(wide, twoFields(c1), 96)
  v128.store(wide, splitFields(a0, b0, c0), 112)
  v128.store(wide, splitFields(a1, b1, c1), 128)
}

/** The levels that are split, as nibbles, plus 4 each. */
function splitFields(a: v128, b: v128, c: v128): v128 {
  const six = v128.or(bits(i16x8.shr_u(a, 6), 3), bits(i16x8.shr_u(b, 4), 4))
  const seven = v128.or(bits(i16x8.shr_u(c, 2), 0x30), bits(i16x8.shr_u(b, 1), 0x40))
  return i8x16.add(v128.or(six, seven), i8x16.splat(0x44))
}

/** Bits 0-2 and 3-5 of each byte as nibbles, plus 4 each. */
function twoFields(bytes: v128): v128 {
  return i8x16.add(v128.or(bits(bytes, 7), bits(i16x8.shl(bytes, 1), 0x70)), i8x16.splat(0x44))
}

function widenQ2(tile: usize, wide: usize): void {
  v128.store(wide, v128.load(tile))
  for (let i: usize = 0; i < 2; i++) {
    const w0 = v128.load(tile + (i << 5), 16)
    const w1 = v128.load(tile + (i << 5), 32)
    const to = wide + (i << 6)
    v128.store(to, lowLevels(w0), 16)
    v128.store(to, lowLevels(w1), 32)
    v128.store(to, highLevels(w0), 48)
    v128.store(to, highLevels(w1), 64)
  }
}

/** Four times the two lower levels of each byte, plus 1, as nibbles. */
function lowLevels(w: v128): v128 {
  const levels = v128.or(bits(i16x8.shl(w, 2), 0x0c), bits(i16x8.shl(w, 4), <i8>0xc0))
  return v128.or(levels, i8x16.splat(0x11))
}

/** The same of the two upper levels. */
function highLevels(w: v128): v128 {
  return v128.or(v128.or(bits(i16x8.shr_u(w, 2), 0x0c), bits(w, <i8>0xc0)), i8x16.splat(0x11))
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
