/*
 * Unpacks 8 columns of packed weights as floats, row after row, for a product with the transpose
 * (transposed-matmul.ts).
 *
 * weights: the tile row (docs/FORMAT.md) of the first row; band: bytes from one group of 8 rows to the next; column:
 * the first column, a multiple of 8; n: rows, a multiple of 8; panel: n x 8 floats, overwritten.
 * A level times its scale is exact in single precision (8 bits by 8), so all tiers agree bit for bit.
 */
import { TileBytes, WeightCode } from '../src/kernels/abi/formats'
import { tileBytes } from './tile-bytes'
import { levelQ2 } from './tile-q2'
import { levelQ3 } from './tile-q3'
import { levelQ4m } from './tile-q4m'

export function unpackColumns(format: u32, weights: usize, band: usize, column: u32, n: usize, panel: usize): void {
  const end = panel + (n << 5)
  const block: usize = column >> 5
  const eighth: usize = (column & 31) >> 3
  if (format == WeightCode.q4) {
    const scales = weights + block * <usize>TileBytes.q4
    for (let tile = scales; panel < end; tile += band, panel += 256) q4(tile, tile + 16 + (eighth << 5), panel)
  } else if (format == WeightCode.q8) {
    const scales = weights + block * <usize>TileBytes.q8
    for (let tile = scales; panel < end; tile += band, panel += 256) q8(tile, tile + 16 + (eighth << 6), panel)
  } else if (format == WeightCode.q4m || format == WeightCode.q3 || format == WeightCode.q2) {
    const first = weights + block * tileBytes(format)
    for (let tile = first; panel < end; tile += band, panel += 256) levels(format, tile, column & 31, panel)
  } else {
    const first = weights + block * <usize>TileBytes.f32 + (eighth << 8)
    for (let tile = first; panel < end; tile += band, panel += 256) f32s(tile, panel)
  }
}

/** Byte j (0..3) of a row has column j in its low and column 4 + j in its high nibble. */
function q4(scales: usize, levels: usize, panel: usize): void {
  for (let r: usize = 0; r < 8; r++, panel += 32) {
    const scale = reinterpret<f32>((<u32>load<u16>(scales + (r << 1))) << 16)
    if (ASC_FEATURE_SIMD) {
      const bytes = v128.load32_zero(levels + (r << 2))
      const low = i32x4.extend_low_i16x8_u(i16x8.extend_low_i8x16_u(v128.and(bytes, i8x16.splat(15))))
      const high = i32x4.extend_low_i16x8_u(i16x8.extend_low_i8x16_u(i8x16.shr_u(bytes, 4)))
      const s = f32x4.splat(scale)
      v128.store(panel, f32x4.mul(f32x4.convert_i32x4_s(i32x4.sub(low, i32x4.splat(8))), s))
      v128.store(panel, f32x4.mul(f32x4.convert_i32x4_s(i32x4.sub(high, i32x4.splat(8))), s), 16)
    } else {
      for (let j: usize = 0; j < 4; j++) {
        const byte = load<u8>(levels + (r << 2) + j)
        store<f32>(panel + (j << 2), <f32>(<i32>(byte & 15) - 8) * scale)
        store<f32>(panel + (j << 2), <f32>(<i32>(byte >> 4) - 8) * scale, 16)
      }
    }
  }
}

/** Formats whose levels are read one by one. */
function levels(format: u32, tile: usize, column: usize, panel: usize): void {
  for (let r: usize = 0; r < 8; r++, panel += 32) {
    const scale = reinterpret<f32>((<u32>load<u16>(tile + (r << 1))) << 16)
    const minimum = reinterpret<f32>((<u32>load<u16>(tile + (r << 1), 16)) << 16)
    for (let c: usize = 0; c < 8; c++) {
      let level: i32
      if (format == WeightCode.q3) level = levelQ3(tile, r, column + c) - 4
      else if (format == WeightCode.q2) level = 4 * levelQ2(tile, r, column + c) - 7
      else level = levelQ4m(tile, r, column + c)
      const weight = <f32>level * scale
      store<f32>(panel + (c << 2), format == WeightCode.q4m ? weight + minimum : weight)
    }
  }
}

/** Four pairs of columns, (0, 2), (4, 6), (1, 3), (5, 7); each pair has two bytes per row. */
function q8(scales: usize, levels: usize, panel: usize): void {
  for (let r: usize = 0; r < 8; r++, panel += 32) {
    const scale = reinterpret<f32>((<u32>load<u16>(scales + (r << 1))) << 16)
    for (let pair: usize = 0; pair < 4; pair++) {
      const at = levels + (pair << 4) + (r << 1)
      const to = panel + ((pair & 1) << 4) + ((pair >> 1) << 2)
      store<f32>(to, <f32>load<i8>(at) * scale)
      store<f32>(to, <f32>load<i8>(at, 1) * scale, 8)
    }
  }
}

/** Column after column, 8 rows of each: a transposed square. */
function f32s(tile: usize, panel: usize): void {
  if (ASC_FEATURE_SIMD) {
    turn(tile, panel)
    turn(tile + 16, panel + 128)
    turn(tile + 128, panel + 16)
    turn(tile + 144, panel + 144)
  } else {
    for (let r: usize = 0; r < 8; r++) {
      for (let c: usize = 0; c < 8; c++) store<u32>(panel + (r << 5) + (c << 2), load<u32>(tile + (c << 5) + (r << 2)))
    }
  }
}

/** Transposes four columns of four rows, 32 bytes apart in both. */
function turn(from: usize, to: usize): void {
  const a = v128.load(from)
  const b = v128.load(from, 32)
  const c = v128.load(from, 64)
  const d = v128.load(from, 96)
  const ab01 = v128.shuffle<i32>(a, b, 0, 4, 1, 5)
  const ab23 = v128.shuffle<i32>(a, b, 2, 6, 3, 7)
  const cd01 = v128.shuffle<i32>(c, d, 0, 4, 1, 5)
  const cd23 = v128.shuffle<i32>(c, d, 2, 6, 3, 7)
  v128.store(to, v128.shuffle<i64>(ab01, cd01, 0, 2))
  v128.store(to, v128.shuffle<i64>(ab01, cd01, 1, 3), 32)
  v128.store(to, v128.shuffle<i64>(ab23, cd23, 0, 2), 64)
  v128.store(to, v128.shuffle<i64>(ab23, cd23, 1, 3), 96)
}
