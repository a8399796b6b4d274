/*
 * Packs rows of a q4 or q3 matrix so that its products with given inputs change least.
 *
 * For inputs with the second moments H, the squared error of a row's products is e' H e, with the errors e of its
 * weights. H has blocks of at most MOMENT_COLUMNS columns; the errors of different blocks count separately. For each
 * block and 8 rows:
 *   1. Every tile begins with scales and levels for errors that count one by one (calibrated-start.ts). g = H e.
 *   2. In turn, each column gets the level that is best for the errors of all others: l + g / (H[c][c] s).
 *   3. Each tile gets the best scale for its levels; its change is (l' g) / (l' H l), and it is rounded to bfloat16.
 * Steps 2 and 3 are a coordinate descent (coordinate-descent.ts): they never raise the error, apart from that rounding.
 * They are repeated a few times, at the end step 2 alone, until nothing changes.
 *
 * Each block of H is row after row, as many floats as it has columns, with zeros for padding. Bit-identical in all tiers.
 */
import { TILE_COLUMNS, TILE_ROWS, TileBytes, WeightCode } from '../src/kernels/abi/formats'
import { CALIBRATION_ROOM, MOMENT_COLUMNS, PACK_CHUNK_ROWS, PackArg } from '../src/kernels/abi/products'
import { beginTile } from './calibrated-start'
import { COLUMN, LEVELS, SCALES } from './calibration-room'
import { arg, scratch, thread } from './control'
import { improveLevel, improveScales, multiply } from './coordinate-descent'
import { gather } from './gather'
import { toBfloat16 } from './half'
import { storeQ3 } from './pack-q3'
import { tileBytes } from './tile-bytes'

/** Rounds of steps 2 and 3, the last ones without step 3. */
const ROUNDS: i32 = 8
const SCALED_ROUNDS: i32 = 5

/** Packs 32 rows from `row` on, to tiles from `first` on. `band`: bytes of 8 packed rows. */
export function packCalibratedRows(row: u32, first: usize, band: usize): void {
  const columns = (arg(PackArg.columns) + 31) & ~31
  const end = min(row + PACK_CHUNK_ROWS, arg(PackArg.rows))
  const room: usize = arg(PackArg.room) + thread * CALIBRATION_ROOM
  const format = arg(PackArg.format)
  let moments: usize = arg(PackArg.moments)
  for (let column: u32 = 0; column < columns; column += MOMENT_COLUMNS) {
    const count = min(<u32>MOMENT_COLUMNS, columns - column)
    let tiles = first
    for (let r = row; r < end; r += TILE_ROWS, tiles += band) packBlock(format, tiles, r, column, count, moments, room)
    first += (count / TILE_COLUMNS) * tileBytes(format)
    moments += count * count * 4
  }
}

/** Packs 8 rows of the `count` columns of a block. */
function packBlock(format: u32, tiles: usize, row: u32, column: u32, count: usize, moments: usize, room: usize): void {
  const top: f32 = format == WeightCode.q3 ? 3 : 7
  const diagonal = (count + 1) << 2
  for (let c: usize = 0; c < count; c += TILE_COLUMNS) {
    gather(scratch(), row, column + <u32>c)
    memory.copy(room + c * COLUMN, scratch(), TileBytes.f32)
    beginTile(top, room + c * COLUMN, room + SCALES + c, moments + c * diagonal, diagonal)
  }
  multiply(moments, count, room)
  for (let round = 0; round < ROUNDS; round++) {
    let isChanged = false
    for (let c: usize = 0; c < count; c++) isChanged = improveLevel(top, moments, count, c, room) || isChanged
    if (round < SCALED_ROUNDS) {
      for (let c: usize = 0; c < count; c += TILE_COLUMNS)
        isChanged = improveScales(moments, count, c, room) || isChanged
    }
    if (!isChanged) break
  }
  for (let c: usize = 0; c < count; c += TILE_COLUMNS) {
    if (format == WeightCode.q3) storeTileQ3(tiles, room + LEVELS + c * COLUMN, room + SCALES + c)
    else storeTileQ4(tiles, room + LEVELS + c * COLUMN, room + SCALES + c)
    tiles += tileBytes(format)
  }
}

/** Writes a q4 tile (tile-q4.ts). Levels are whole numbers from -8 to 7. */
function storeTileQ4(tile: usize, levels: usize, scales: usize): void {
  for (let r: usize = 0; r < 8; r++) {
    store<u16>(tile + (r << 1), toBfloat16(load<f32>(scales + (r << 2))))
    for (let byte: usize = 0; byte < 16; byte++) {
      const low = levels + (((byte >> 2) << 3) + (byte & 3)) * COLUMN + (r << 2)
      const bits = <u8>(load<f32>(low) + 8) | ((<u8>(load<f32>(low, 4 * COLUMN) + 8)) << 4)
      store<u8>(tile + ((byte >> 2) << 5) + (r << 2) + (byte & 3), bits, 16)
    }
  }
}

/** Writes a q3 tile (tile-q3.ts). Levels are whole numbers from -4 to 3. */
function storeTileQ3(tile: usize, levels: usize, scales: usize): void {
  for (let r: usize = 0; r < 8; r++) {
    store<u16>(tile + (r << 1), toBfloat16(load<f32>(scales + (r << 2))))
    for (let i: usize = 0; i < <usize>TILE_COLUMNS * COLUMN; i += COLUMN) {
      const level = levels + i + (r << 2)
      store<f32>(level, load<f32>(level) + 4)
    }
    for (let j: usize = 0; j < 4; j++) storeQ3(tile + (r << 2) + j, levels + j * COLUMN + (r << 2))
  }
}
