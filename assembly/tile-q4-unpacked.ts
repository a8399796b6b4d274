/*
 * Product of 8 rows of 4-bit weights with many quantised activation rows: prefill. Used in the relaxed tier only, and
 * only if V8 fuses pairs of vectors into 256 bits: four rows then fit the 16 registers.
 *
 * The nibbles of a group of 8 rows are widened to bytes once, into scratch memory that stays in the first-level cache,
 * and every activation row then reads the bytes: fewer instructions per row than with nibbles.
 * Unpacked tile, 288 B: 8 float scales, then for each 4 columns rows 0-3 and rows 4-7, four bytes per row. The arithmetic
 * and its order are those of tile-q4.ts, and so is every bit of the result.
 *
 * Rows and sums are written out by hand, here and in all tile-*.ts: AssemblyScript has no arrays of vectors that stay in
 * registers, and V8 does not unroll the loops.
 */
import { TileBytes, UNPACKED_TILE_BYTES } from '../src/runtime/abi/formats'
import { addPairs, nibbleMask } from './tile-q4'
import { addBlock } from './tile-q4-pair'

const TILE: usize = TileBytes.q4
const BLOCK: usize = UNPACKED_TILE_BYTES

/** Bytes of one unpacked group of 8 rows. */
export function unpackedBytes(columns: usize): usize {
  return (columns >> 5) * BLOCK
}

export function unpackQ4(weights: usize, columns: usize, unpacked: usize): void {
  const mask = nibbleMask(columns)
  const end = unpacked + unpackedBytes(columns)
  for (; unpacked < end; weights += TILE, unpacked += BLOCK) {
    v128.store(unpacked, i32x4.shl(v128.load_ext<u16>(weights), 16))
    v128.store(unpacked, i32x4.shl(v128.load_ext<u16>(weights, 8), 16), 16)
    for (let g: usize = 0; g < 4; g++) {
      const w0 = v128.load(weights + (g << 5), 16)
      const w1 = v128.load(weights + (g << 5), 32)
      const to = unpacked + (g << 6)
      v128.store(to, v128.and(w0, mask), 32)
      v128.store(to, v128.and(w1, mask), 48)
      v128.store(to, v128.and(i16x8.shr_u(w0, 4), mask), 64)
      v128.store(to, v128.and(i16x8.shr_u(w1, 4), mask), 80)
    }
  }
}

/** One unpacked band with four activation rows. */
export function tileUnpackedQ4x4(
  unpacked: usize,
  columns: usize,
  a: usize,
  b: usize,
  c: usize,
  d: usize,
  outA: usize,
  outB: usize,
  outC: usize,
  outD: usize,
): void {
  const sums = (columns >> 5) << 2
  const end = a + columns
  // The other rows are addressed relative to the first, so that one pointer moves for all.
  let scale = a + 3 * columns
  const toB = b - a
  const toC = c - a
  const toD = d - a
  let aTotal0 = f32x4.splat(0)
  let aTotal1 = f32x4.splat(0)
  let bTotal0 = f32x4.splat(0)
  let bTotal1 = f32x4.splat(0)
  let cTotal0 = f32x4.splat(0)
  let cTotal1 = f32x4.splat(0)
  let dTotal0 = f32x4.splat(0)
  let dTotal1 = f32x4.splat(0)
  for (; a < end; a += 32, unpacked += BLOCK, scale += 4) {
    let a0 = i16x8.splat(0)
    let a1 = i16x8.splat(0)
    let b0 = i16x8.splat(0)
    let b1 = i16x8.splat(0)
    let c0 = i16x8.splat(0)
    let c1 = i16x8.splat(0)
    let d0 = i16x8.splat(0)
    let d1 = i16x8.splat(0)
    let w0 = v128.load(unpacked, 32)
    let w1 = v128.load(unpacked, 48)
    let x = v128.load32_splat(a, 0)
    a0 = addPairs(a0, x, w0)
    a1 = addPairs(a1, x, w1)
    x = v128.load32_splat(a + toB, 0)
    b0 = addPairs(b0, x, w0)
    b1 = addPairs(b1, x, w1)
    x = v128.load32_splat(a + toC, 0)
    c0 = addPairs(c0, x, w0)
    c1 = addPairs(c1, x, w1)
    x = v128.load32_splat(a + toD, 0)
    d0 = addPairs(d0, x, w0)
    d1 = addPairs(d1, x, w1)
    w0 = v128.load(unpacked, 64)
    w1 = v128.load(unpacked, 80)
    x = v128.load32_splat(a, 4)
    a0 = addPairs(a0, x, w0)
    a1 = addPairs(a1, x, w1)
    x = v128.load32_splat(a + toB, 4)
    b0 = addPairs(b0, x, w0)
    b1 = addPairs(b1, x, w1)
    x = v128.load32_splat(a + toC, 4)
    c0 = addPairs(c0, x, w0)
    c1 = addPairs(c1, x, w1)
    x = v128.load32_splat(a + toD, 4)
    d0 = addPairs(d0, x, w0)
    d1 = addPairs(d1, x, w1)
    w0 = v128.load(unpacked, 96)
    w1 = v128.load(unpacked, 112)
    x = v128.load32_splat(a, 8)
    a0 = addPairs(a0, x, w0)
    a1 = addPairs(a1, x, w1)
    x = v128.load32_splat(a + toB, 8)
    b0 = addPairs(b0, x, w0)
    b1 = addPairs(b1, x, w1)
    x = v128.load32_splat(a + toC, 8)
    c0 = addPairs(c0, x, w0)
    c1 = addPairs(c1, x, w1)
    x = v128.load32_splat(a + toD, 8)
    d0 = addPairs(d0, x, w0)
    d1 = addPairs(d1, x, w1)
    w0 = v128.load(unpacked, 128)
    w1 = v128.load(unpacked, 144)
    x = v128.load32_splat(a, 12)
    a0 = addPairs(a0, x, w0)
    a1 = addPairs(a1, x, w1)
    x = v128.load32_splat(a + toB, 12)
    b0 = addPairs(b0, x, w0)
    b1 = addPairs(b1, x, w1)
    x = v128.load32_splat(a + toC, 12)
    c0 = addPairs(c0, x, w0)
    c1 = addPairs(c1, x, w1)
    x = v128.load32_splat(a + toD, 12)
    d0 = addPairs(d0, x, w0)
    d1 = addPairs(d1, x, w1)
    w0 = v128.load(unpacked, 160)
    w1 = v128.load(unpacked, 176)
    x = v128.load32_splat(a, 16)
    a0 = addPairs(a0, x, w0)
    a1 = addPairs(a1, x, w1)
    x = v128.load32_splat(a + toB, 16)
    b0 = addPairs(b0, x, w0)
    b1 = addPairs(b1, x, w1)
    x = v128.load32_splat(a + toC, 16)
    c0 = addPairs(c0, x, w0)
    c1 = addPairs(c1, x, w1)
    x = v128.load32_splat(a + toD, 16)
    d0 = addPairs(d0, x, w0)
    d1 = addPairs(d1, x, w1)
    w0 = v128.load(unpacked, 192)
    w1 = v128.load(unpacked, 208)
    x = v128.load32_splat(a, 20)
    a0 = addPairs(a0, x, w0)
    a1 = addPairs(a1, x, w1)
    x = v128.load32_splat(a + toB, 20)
    b0 = addPairs(b0, x, w0)
    b1 = addPairs(b1, x, w1)
    x = v128.load32_splat(a + toC, 20)
    c0 = addPairs(c0, x, w0)
    c1 = addPairs(c1, x, w1)
    x = v128.load32_splat(a + toD, 20)
    d0 = addPairs(d0, x, w0)
    d1 = addPairs(d1, x, w1)
    w0 = v128.load(unpacked, 224)
    w1 = v128.load(unpacked, 240)
    x = v128.load32_splat(a, 24)
    a0 = addPairs(a0, x, w0)
    a1 = addPairs(a1, x, w1)
    x = v128.load32_splat(a + toB, 24)
    b0 = addPairs(b0, x, w0)
    b1 = addPairs(b1, x, w1)
    x = v128.load32_splat(a + toC, 24)
    c0 = addPairs(c0, x, w0)
    c1 = addPairs(c1, x, w1)
    x = v128.load32_splat(a + toD, 24)
    d0 = addPairs(d0, x, w0)
    d1 = addPairs(d1, x, w1)
    w0 = v128.load(unpacked, 256)
    w1 = v128.load(unpacked, 272)
    x = v128.load32_splat(a, 28)
    a0 = addPairs(a0, x, w0)
    a1 = addPairs(a1, x, w1)
    x = v128.load32_splat(a + toB, 28)
    b0 = addPairs(b0, x, w0)
    b1 = addPairs(b1, x, w1)
    x = v128.load32_splat(a + toC, 28)
    c0 = addPairs(c0, x, w0)
    c1 = addPairs(c1, x, w1)
    x = v128.load32_splat(a + toD, 28)
    d0 = addPairs(d0, x, w0)
    d1 = addPairs(d1, x, w1)
    const s0 = v128.load(unpacked)
    const s1 = v128.load(unpacked, 16)
    let s = v128.load32_splat(scale)
    let zero = v128.load32_splat(scale + sums)
    aTotal0 = addBlock(aTotal0, a0, zero, s0, s)
    aTotal1 = addBlock(aTotal1, a1, zero, s1, s)
    s = v128.load32_splat(scale + toB)
    zero = v128.load32_splat(scale + toB + sums)
    bTotal0 = addBlock(bTotal0, b0, zero, s0, s)
    bTotal1 = addBlock(bTotal1, b1, zero, s1, s)
    s = v128.load32_splat(scale + toC)
    zero = v128.load32_splat(scale + toC + sums)
    cTotal0 = addBlock(cTotal0, c0, zero, s0, s)
    cTotal1 = addBlock(cTotal1, c1, zero, s1, s)
    s = v128.load32_splat(scale + toD)
    zero = v128.load32_splat(scale + toD + sums)
    dTotal0 = addBlock(dTotal0, d0, zero, s0, s)
    dTotal1 = addBlock(dTotal1, d1, zero, s1, s)
  }
  v128.store(outA, aTotal0)
  v128.store(outA, aTotal1, 16)
  v128.store(outB, bTotal0)
  v128.store(outB, bTotal1, 16)
  v128.store(outC, cTotal0)
  v128.store(outC, cTotal1, 16)
  v128.store(outD, dTotal0)
  v128.store(outD, dTotal1, 16)
}
