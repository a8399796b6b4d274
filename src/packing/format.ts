/*
 * Sizes of packed weights. What stands inside a tile is the kernels' affair (docs/FORMAT.md); here only sizes matter.
 */

/** How the weights of a matrix are stored: 32, about 8.5 or about 4.5 bits each. */
export type WeightFormat = 'f32' | 'q8' | 'q4'
/** What a whole packing is called by: the format of its experts. */
export type Quant = WeightFormat
export const QUANTS: readonly Quant[] = ['f32', 'q8', 'q4']

/**
 * matrix: tiles for products. rows: a table looked up row by row and never multiplied. vector: plain floats.
 * A table has no 4-bit format: one row is read a token, so nothing would be gained for the precision lost.
 */
export type PieceKind = 'matrix' | 'rows' | 'vector'
export type RowsFormat = Exclude<WeightFormat, 'q4'>

/** Formats of the kinds of parts, recorded in a packed file so that packings may mix them. */
export interface PartFormats {
  embedding: RowsFormat
  /** First matrix of a router; the last one, which decides, is always f32. */
  router: WeightFormat
  /** Queries, keys, values and outputs of attention. */
  attention: WeightFormat
  mlp: WeightFormat
  /** Output head. */
  head: WeightFormat
}

/** A matrix tile: so many outputs by so many inputs. */
export const TILE_ROWS = 8
export const TILE_COLUMNS = 32
const TILE_BYTES: Readonly<Record<WeightFormat, number>> = { f32: 1024, q8: 272, q4: 144 }

/** One block of TILE_COLUMNS entries in a row of a table. */
const ROW_BLOCK_BYTES: Readonly<Record<RowsFormat, number>> = { f32: 128, q8: 34 }

/** Pieces and parts begin at multiples of this, in the file and in memory: a cache line, four vectors. */
export const ALIGNMENT = 64

/**
 * The formats behind a name. Routers and the embedding are small or hardly read, and what they lose can wake another
 * expert: they would make most of the loss of a q8 packing, so they stay in f32 there, and in q8 where the experts
 * take q4.
 */
export function formatsFor(quant: Quant): PartFormats {
  const small = quant === 'q4' ? 'q8' : 'f32'
  return { embedding: small, router: small, attention: quant, mlp: quant, head: quant }
}

/** Bytes of `rows` x `cols` entries once packed. For a matrix it is also the offset of row `rows`, a multiple of 8. */
export function packedBytes(kind: PieceKind, format: WeightFormat, rows: number, cols: number): number {
  const blocks = Math.ceil(cols / TILE_COLUMNS)
  if (kind === 'matrix') return Math.ceil(rows / TILE_ROWS) * blocks * TILE_BYTES[format]
  if (format === 'q4') throw new RangeError(`no 4-bit format of kind ${kind}`)
  return rows * blocks * ROW_BLOCK_BYTES[format]
}

/** The next multiple of ALIGNMENT. */
export function aligned(bytes: number): number {
  return Math.ceil(bytes / ALIGNMENT) * ALIGNMENT
}
