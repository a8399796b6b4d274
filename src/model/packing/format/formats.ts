/* Sizes of packed weights. The kernels know the layout of a tile (docs/FORMAT.md); only its size matters here. */
import { checkOneOf } from '../../../ground/option-checks.js'
import { TableBlockBytes, TILE_COLUMNS, TILE_ROWS, TileBytes, WeightCode } from '../../../kernels/abi/formats.js'
import { roundUp, type WeightFormat } from '../../../kernels/memory/formats.js'
import { tileFloat, tileFloats } from '../../../kernels/memory/tile-floats.js'

export type { WeightFormat }
/** Name of a whole packing: the format of its experts, unless the checkpoint stores these as MXFP4. */
export type Quant = 'f32' | 'q8' | 'q4'
export const QUANTS: readonly Quant[] = ['f32', 'q8', 'q4']

/** Whether a value of a file is a known format of weights. */
export function isWeightFormat(value: unknown): value is WeightFormat {
  return typeof value === 'string' && Number.isInteger(WeightCode[value as WeightFormat])
}

/** Throws a UsageError if a packing is requested that does not exist. */
export function checkQuant(quant: unknown): void {
  checkOneOf('quant', quant, QUANTS)
}

/**
 * matrix: tiles for products. rows: a table that is looked up row by row and never multiplied. vector: plain floats. A
 * table has no 4-bit format: only one row is read per token, so the lost precision would gain nothing.
 */
export type PieceKind = 'matrix' | 'rows' | 'vector'
export type RowsFormat = 'f32' | 'q8'

/** Formats of the kinds of parts. A packed file records them, so a packing may mix them. */
export interface PartFormats {
  embedding: RowsFormat
  /** First matrix of a router. The last one, which decides, is always f32. */
  router: WeightFormat
  /** Queries, keys, values and outputs of attention. */
  attention: WeightFormat
  mlp: WeightFormat
  head: WeightFormat
  /**
   * Formats of single matrices that differ from the kind's format, by `PART/PIECE`: `layers.3.mlp.17/down`. A `*` in
   * place of the expert's id means all experts of the layer without a key of their own. A kind never mixes formats
   * whose products take floats with others.
   */
  pieces?: Readonly<Record<string, WeightFormat>>
}

/** Pieces and parts begin at multiples of this, in the file and in memory: a cache line, four vectors. */
export const ALIGNMENT = 64

/** How a checkpoint stores the weights of experts: as floats, or as MXFP4, 4-bit floats with a scale for each 32. */
export type StoredExperts = 'floats' | 'mxfp4'

/**
 * Formats of a packing, by its name. Routers and the embedding are small or hardly read, and their errors can select
 * other experts: these would cause most of the loss of a q8 packing. So they stay in f32 there, and in q8 when the
 * experts take q4. Experts that a checkpoint stores as MXFP4 keep their bits in every packing.
 */
export function formatsFor(quant: Quant, experts: StoredExperts = 'floats'): PartFormats {
  const small = quant === 'q4' ? 'q8' : 'f32'
  const mxfp4 = quant === 'f32' ? 'mxfp4_f32' : 'mxfp4'
  return { embedding: small, router: small, attention: quant, mlp: experts === 'mxfp4' ? mxfp4 : quant, head: quant }
}

/** Whether two packings have the same formats everywhere. */
export function isSameFormats(a: PartFormats, b: PartFormats): boolean {
  const text = (value: unknown): string => {
    if (typeof value !== 'object' || value === null) return JSON.stringify(value ?? null)
    const entries = Object.entries(value).filter(([, entry]) => entry !== undefined)
    return `{${entries.sort(([one], [other]) => (one < other ? -1 : 1)).map(([key, entry]) => `${key}:${text(entry)}`)}}`
  }
  return text(a) === text(b)
}

/** Whether inputs of a matrix can decide the rounding of its weights. */
export function takesInputs(format: WeightFormat): boolean {
  return format === 'q4' || format === 'q3'
}

export function isMxfp4(format: WeightFormat): format is 'mxfp4' | 'mxfp4_f32' {
  return format === 'mxfp4' || format === 'mxfp4_f32'
}

/** Bytes of packed entries. For a matrix it is also the offset of row `rows`, if that is a multiple of 8. */
export function packedBytes(kind: PieceKind, format: WeightFormat, rows: number, cols: number): number {
  const blocks = Math.ceil(cols / TILE_COLUMNS)
  if (kind === 'matrix') return Math.ceil(rows / TILE_ROWS) * blocks * TileBytes[format]
  if (format !== 'f32' && format !== 'q8') throw new RangeError(`no 4-bit format of kind ${kind}`)
  return rows * blocks * TableBlockBytes[format]
}

export function aligned(bytes: number): number {
  return roundUp(bytes, ALIGNMENT)
}

/** Reads the rows of a packed f32 matrix as plain floats. */
export function readTileRows(bytes: Uint8Array, rows: number, cols: number): Float32Array[] {
  const tiles = new Float32Array(bytes.slice().buffer)
  return Array.from({ length: rows }, (_, r) =>
    Float32Array.from({ length: cols }, (_, c) => tiles[tileFloat(0, cols, r, c)]),
  )
}

/** Packs rows into an f32 matrix; the reverse of readTileRows. */
export function writeTileRows(rows: readonly Float32Array[], cols: number): Uint8Array {
  const tiles = new Float32Array(tileFloats(rows.length, cols))
  for (const [r, row] of rows.entries()) for (let c = 0; c < cols; c++) tiles[tileFloat(0, cols, r, c)] = row[c]
  return new Uint8Array(tiles.buffer)
}
