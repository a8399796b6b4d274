/*
 * Unpacks a group of 8 rows of MXFP4 weights to the f32 tiles of tile-f32.ts, for products with float activations. Such
 * a product has the very bits of one with weights that were packed as f32, since every weight is exact: two
 * significant bits times a power of two. (A weight -0 becomes 0, which no sum that begins at 0 can tell.)
 *
 * weights: tiles as in tile-mxfp4.ts. floats: 1024 B for each 32 columns, overwritten. Bit-identical in all tiers.
 */
import { TileBytes } from '../src/kernels/abi/formats'
import { doubled } from './tile-mxfp4'
import { nibbleMask } from './tile-q4'

export function mxfp4Floats(weights: usize, columns: usize, floats: usize): void {
  const end = floats + (columns << 5)
  for (; floats < end; weights += <usize>TileBytes.mxfp4, floats += <usize>TileBytes.f32) {
    if (ASC_FEATURE_SIMD) {
      unpackRows4(weights, weights + 16, columns, floats)
      unpackRows4(weights + 8, weights + 32, columns, floats + 16)
    } else {
      for (let r: usize = 0; r < 8; r++) unpackRow(weights, r, floats + (r << 2))
    }
  }
}

function unpackRow(tile: usize, r: usize, floats: usize): void {
  const scale = reinterpret<f32>((<u32>load<u16>(tile + (r << 1))) << 16)
  for (let c: usize = 0; c < 32; c++) {
    const byte = load<u8>(tile + 16 + ((c >> 3) << 5) + (r << 2) + (c & 3))
    store<f32>(floats + (c << 5), <f32>doubled(c & 4 ? byte >> 4 : byte & 15) * scale)
  }
}

/** The four rows whose scales are at `scales` and whose first nibbles are at `nibbles`. */
function unpackRows4(scales: usize, nibbles: usize, columns: usize, floats: usize): void {
  const levels = i8x16(0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12)
  const mask = nibbleMask(columns)
  const scale = i32x4.shl(v128.load_ext<u16>(scales), 16)
  const end = nibbles + 128
  for (; nibbles < end; nibbles += 32, floats += 256) {
    const bytes = v128.load(nibbles)
    storeColumns4(floats, i8x16.swizzle(levels, v128.and(bytes, mask)), scale)
    storeColumns4(floats + 128, i8x16.swizzle(levels, v128.and(i16x8.shr_u(bytes, 4), mask)), scale)
  }
}

/** Stores four columns, each a byte of every lane. */
function storeColumns4(floats: usize, bytes: v128, scale: v128): void {
  v128.store(floats, f32x4.mul(f32x4.convert_i32x4_s(i32x4.shr_s(i32x4.shl(bytes, 24), 24)), scale))
  v128.store(floats, f32x4.mul(f32x4.convert_i32x4_s(i32x4.shr_s(i32x4.shl(bytes, 16), 24)), scale), 32)
  v128.store(floats, f32x4.mul(f32x4.convert_i32x4_s(i32x4.shr_s(i32x4.shl(bytes, 8), 24)), scale), 64)
  v128.store(floats, f32x4.mul(f32x4.convert_i32x4_s(i32x4.shr_s(bytes, 24)), scale), 96)
}
