/*
 * Packs MXFP4 weights of a checkpoint into tiles (tile-mxfp4.ts) without loss: the bits of every weight stay, in another
 * order.
 *
 * A block of the checkpoint is 32 columns of a row: 16 bytes of nibbles, and a byte e of scale. weight = value of the
 * nibble * 2^(e - 127), or NaN if e is 255. The tile's scale is half of that, a bfloat16: the products count in halves.
 * In two tensors (MXFP4_PAIR), byte b has column 2b in its low and column 2b + 1 in its high nibble, and the scales are
 * apart. In a block of GGUF (MXFP4) the scale is the first byte, and byte b has columns b and b + 16.
 *
 * Arguments: PackArg (src/kernels/abi/products.ts). Bit-identical in all tiers.
 */
import { SourceType, TILE_COLUMNS, TILE_ROWS, TileBytes } from '../src/kernels/abi/formats'
import { PACK_CHUNK_ROWS, PackArg } from '../src/kernels/abi/products'
import { BlockBytes } from './block-types'
import { arg } from './control'
import { storeNibbles } from './pack-quants'
import { doubled } from './tile-mxfp4'

const BLOCK_BYTES: usize = 16
const NAN: u16 = 0x7fc0

/** Packs 32 rows from `row` on, to tiles from `tile` on. Rows beyond the last of a tile are zero. 32 bytes of scratch. */
export function packMxfp4Rows(row: u32, tile: usize, scratch: usize): void {
  const isPair = arg(PackArg.type) == SourceType.MXFP4_PAIR
  const blocks = arg(PackArg.columns) / TILE_COLUMNS
  const end = min(row + PACK_CHUNK_ROWS, arg(PackArg.rows))
  // Bytes from one block and from one scale to the next, and from one row to the next.
  const blockStep: usize = isPair ? BLOCK_BYTES : <usize>BlockBytes.MXFP4
  const scaleStep: usize = isPair ? 1 : blockStep
  const rowStep: usize = isPair ? arg(PackArg.rowStride) : (arg(PackArg.rowStride) / TILE_COLUMNS) * blockStep
  const scaleRowStep: usize = isPair ? arg(PackArg.scaleStride) : rowStep
  const first: usize = isPair
    ? arg(PackArg.source) + arg(PackArg.firstElement)
    : arg(PackArg.source) + (arg(PackArg.firstElement) / TILE_COLUMNS) * blockStep + 1
  const firstScale: usize = isPair ? arg(PackArg.scales) : first - 1
  for (; row < end; row += TILE_ROWS) {
    const rows = min(<u32>TILE_ROWS, end - row)
    const from = first + row * rowStep
    const scales = firstScale + row * scaleRowStep
    for (let b: u32 = 0; b < blocks; b++, tile += <usize>TileBytes.mxfp4) {
      if (rows < <u32>TILE_ROWS) memory.fill(tile, 0, TileBytes.mxfp4)
      for (let r: u32 = 0; r < rows; r++) {
        const nibbles = from + r * rowStep + b * blockStep
        const exponent = load<u8>(scales + r * scaleRowStep + b * scaleStep)
        store<u16>(tile + (r << 1), scaleOf(exponent))
        if (isPair) packPairs(nibbles, tile + 16 + (r << 2))
        else packHalves(nibbles, tile + 16 + (r << 2), scratch)
        if (exponent >= 253) countBroken(nibbles, exponent)
      }
    }
  }
}

/** 2^(e - 128) as a bfloat16. The two least are subnormal, and exact, too. */
function scaleOf(exponent: u32): u16 {
  if (exponent == 255) return NAN
  return exponent < 2 ? <u16>((<u32>0x20) << exponent) : <u16>((exponent - 1) << 7)
}

/** Copies 16 bytes of a row, whose nibbles are its first and last 16 columns, to its places in a tile. */
function packHalves(nibbles: usize, target: usize, bytes: usize): void {
  if (ASC_FEATURE_SIMD) {
    const both = v128.load(nibbles)
    v128.store(bytes, v128.and(both, i8x16.splat(15)))
    v128.store(bytes, i8x16.shr_u(both, 4), 16)
  } else {
    for (let i: usize = 0; i < 16; i++) {
      store<u8>(bytes + i, load<u8>(nibbles + i) & 15)
      store<u8>(bytes + i, load<u8>(nibbles + i) >> 4, 16)
    }
  }
  storeNibbles(target, bytes)
}

/** Copies 16 bytes of a row, whose nibbles are neighbours, to its places in a tile, 4 for each 8 columns. */
function packPairs(block: usize, target: usize): void {
  if (ASC_FEATURE_SIMD) {
    const bytes = v128.load(block)
    const halves = v128.shuffle<i8>(bytes, bytes, 0, 2, 1, 3, 4, 6, 5, 7, 8, 10, 9, 11, 12, 14, 13, 15)
    const up = v128.and(i16x8.shl(halves, 4), i16x8.splat(0x0f00))
    const down = v128.and(i16x8.shr_u(halves, 4), i16x8.splat(0x00f0))
    const words = v128.or(v128.and(halves, i16x8.splat(<i16>0xf00f)), v128.or(up, down))
    v128.store32_lane(target, words, 0)
    v128.store32_lane(target, words, 1, 32)
    v128.store32_lane(target, words, 2, 64)
    v128.store32_lane(target, words, 3, 96)
  } else {
    for (let c: usize = 0; c < 32; c += 8, target += 32) {
      for (let j: usize = 0; j < 4; j++) {
        store<u8>(target + j, <u8>(nibble(block, c + j) | (nibble(block, c + 4 + j) << 4)))
      }
    }
  }
}

function nibble(block: usize, column: usize): u32 {
  const byte: u32 = load<u8>(block + (column >> 1))
  return column & 1 ? byte >> 4 : byte & 15
}

/** Counts the weights of a block that are NaN, or infinite as floats, whatever the order of its nibbles. */
function countBroken(block: usize, exponent: u32): void {
  let broken: u32 = 0
  const scale = reinterpret<f32>((<u32>scaleOf(exponent)) << 16)
  for (let c: usize = 0; c < 32; c++) if (!isFinite<f32>(<f32>doubled(nibble(block, c)) * scale)) broken++
  if (broken > 0) atomic.add<u32>(arg(PackArg.nonFinite), broken)
}
