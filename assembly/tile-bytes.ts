import { TILE_COLUMNS, TileBytes, WeightCode } from '../src/kernels/abi/formats'

/** Bytes of a tile of 8 rows and 32 columns, by the WeightCode of its weights. */
export function tileBytes(format: u32): usize {
  if (format == WeightCode.f32) return TileBytes.f32
  if (format == WeightCode.q8) return TileBytes.q8
  if (format == WeightCode.q4m) return TileBytes.q4m
  if (format == WeightCode.q3) return TileBytes.q3
  return format == WeightCode.q2 ? TileBytes.q2 : TileBytes.q4
}

/** Bytes of a band: the tiles of 8 rows. */
export function bandBytes(format: u32, columns: usize): usize {
  return (columns / TILE_COLUMNS) * tileBytes(format)
}
