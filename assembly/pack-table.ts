/*
 * One row of the embedding table (embedding.ts), or a vector, 32 columns at a time. The arguments are as in pack.ts.
 * Bit-identical in all tiers.
 */
import { TableBlockBytes, TILE_COLUMNS, WeightCode } from '../src/kernels/abi/formats'
import { PackArg } from '../src/kernels/abi/products'
import { arg } from './control'
import { countBroken, gatherLine } from './gather'
import { fromBfloat16, toBfloat16 } from './half'
import { inverseOf, level8, levels8 } from './pack-q8'
import { keepsQuants, packQuantsLine } from './pack-quants'

/** Packs one row; `line` is scratch for 32 floats and a run (block-types.ts). */
export function packTableRow(row: u32, line: usize): void {
  const columns = (arg(PackArg.columns) + 31) & ~31
  const stride: usize = arg(PackArg.columnStride)
  let first: usize = arg(PackArg.firstElement) + row * arg(PackArg.rowStride)
  const format = arg(PackArg.format)
  const isKept = keepsQuants(arg(PackArg.type), format)
  const block = format == WeightCode.f32 ? TableBlockBytes.f32 : TableBlockBytes.q8
  let target: usize = arg(PackArg.target) + row * (columns / TILE_COLUMNS) * block
  for (let column: u32 = 0; column < columns; column += TILE_COLUMNS, first += stride << 5) {
    if (isKept) packQuantsLine(target, first, line)
    else {
      gatherLine(line, first, min(32, arg(PackArg.columns) - column))
      countBroken(line, 4)
      if (format == WeightCode.f32) memory.copy(target, line, TableBlockBytes.f32)
      else packBlock(target, line)
    }
    target += block
  }
}

/** Writes a bfloat16 scale and 32 levels of 8 bits. */
function packBlock(target: usize, line: usize): void {
  const bits = toBfloat16(largest(line) / <f32>127.0)
  const inverse = inverseOf(fromBfloat16(bits))
  store<u16>(target, bits)
  if (ASC_FEATURE_SIMD) {
    const inverses = f32x4.splat(inverse)
    for (let half: usize = 0; half < 32; half += 16) {
      const x = line + (half << 2)
      const low = i16x8.narrow_i32x4_s(levels8(v128.load(x), inverses), levels8(v128.load(x, 16), inverses))
      const high = i16x8.narrow_i32x4_s(levels8(v128.load(x, 32), inverses), levels8(v128.load(x, 48), inverses))
      v128.store(target + half, i8x16.narrow_i16x8_s(low, high), 2)
    }
  } else {
    for (let c: usize = 0; c < 32; c++) store<i8>(target + c, level8(load<f32>(line + (c << 2)), inverse), 2)
  }
}

/** Largest magnitude of 32 floats. As integers, the bits of magnitudes have the same order. */
function largest(line: usize): f32 {
  let most: i32 = 0
  if (ASC_FEATURE_SIMD) {
    let most4 = i32x4.splat(0)
    for (let p = line; p < line + 128; p += 16) {
      most4 = i32x4.max_s(most4, v128.and(v128.load(p), i32x4.splat(0x7fffffff)))
    }
    const most2 = i32x4.max_s(most4, v128.shuffle<i64>(most4, most4, 1, 0))
    most = max(i32x4.extract_lane(most2, 0), i32x4.extract_lane(most2, 1))
  } else {
    for (let p = line; p < line + 128; p += 4) most = max(most, load<i32>(p) & 0x7fffffff)
  }
  return reinterpret<f32>(most)
}
