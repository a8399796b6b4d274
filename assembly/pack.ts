/*
 * Quantises weights and packs them into tiles; an item is 32 rows of a matrix, or one row of a table.
 *
 * Arguments: PackArg (src/kernels/abi/products.ts). Rows and columns beyond the last are zero. Formats: tile-*.ts,
 * embedding.ts. Bit-identical in all tiers.
 */
import { PackKind, TILE_COLUMNS, TILE_ROWS, TileBytes, WeightCode } from '../src/kernels/abi/formats'
import { PACK_CHUNK_ROWS, PackArg } from '../src/kernels/abi/products'
import { arg, scratch } from './control'
import { GATHER_BYTES, gather } from './gather'
import { packCalibratedRows } from './pack-calibrated'
import { packMxfp4Rows } from './pack-mxfp4'
import { packQ2 } from './pack-q2'
import { packQ3 } from './pack-q3'
import { packQ4 } from './pack-q4'
import { packQ4m } from './pack-q4m'
import { packQ8 } from './pack-q8'
import { keepsQuants, packQuants } from './pack-quants'
import { packTableRow } from './pack-table'
import { bandBytes, tileBytes } from './tile-bytes'

export function pack(chunk: u32): void {
  if (arg(PackArg.kind) == PackKind.rows) packTableRow(chunk, scratch())
  else {
    const row = chunk * PACK_CHUNK_ROWS
    const band = bandBytes(arg(PackArg.format), (arg(PackArg.columns) + 31) & ~31)
    const target: usize = arg(PackArg.target) + ((row * arg(PackArg.targetStep)) >> 3) * band
    if (isMxfp4(arg(PackArg.format))) packMxfp4Rows(row, target, scratch())
    else if (isCalibrated()) packCalibratedRows(row, target, band)
    else packRows(row, target, band, scratch())
  }
}

/** Whether the inputs of a matrix decide. Weights that keep their levels lose nothing, whatever the inputs are. */
function isCalibrated(): bool {
  return arg(PackArg.moments) != 0 && !keepsQuants(arg(PackArg.type), arg(PackArg.format))
}

function isMxfp4(format: u32): bool {
  return format == WeightCode.mxfp4 || format == WeightCode.mxfp4_f32
}

/**
 * Packs 32 rows from `row` on, column by column of tiles. If neighbouring rows are neighbours in memory, 32 weights of
 * 16 bits are a cache line, which is then read once and not four times. `band`: bytes of 8 packed rows. `floats` is
 * scratch for a tile of them, and for weights of its columns.
 */
function packRows(row: u32, first: usize, band: usize, floats: usize): void {
  const columns = (arg(PackArg.columns) + 31) & ~31
  const format = arg(PackArg.format)
  const isKept = keepsQuants(arg(PackArg.type), format)
  const weights = floats + GATHER_BYTES
  const end = min(row + PACK_CHUNK_ROWS, arg(PackArg.rows))
  for (let column: u32 = 0; column < columns; column += TILE_COLUMNS) {
    let tile = first
    weighColumns(weights, min(<u32>TILE_COLUMNS, arg(PackArg.columns) - column))
    for (let r = row; r < end; r += TILE_ROWS, tile += band) {
      if (isKept) {
        packQuants(tile, r, column, floats)
        continue
      }
      gather(floats, r, column)
      if (format == WeightCode.f32) memory.copy(tile, floats, TileBytes.f32)
      else if (format == WeightCode.q4) packQ4(tile, floats)
      else if (format == WeightCode.q4m) packQ4m(tile, floats, weights)
      else if (format == WeightCode.q3) packQ3(tile, floats, weights)
      else if (format == WeightCode.q2) packQ2(tile, floats, weights)
      else packQ8(tile, floats)
    }
    first += tileBytes(format)
  }
}

/** Weights of the errors in the columns of a tile: 1, and 0 for padding. */
function weighColumns(weights: usize, columns: u32): void {
  for (let c: u32 = 0; c < <u32>TILE_COLUMNS; c++) store<f32>(weights + (c << 2), c < columns ? <f32>1 : <f32>0)
}
