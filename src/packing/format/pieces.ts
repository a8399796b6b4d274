import { rows, select, type Tensor, transpose } from '../../checkpoint/tensor.js'
import { TILE_COLUMNS } from '../../runtime/abi/formats.js'
import { padded } from '../../runtime/memory/formats.js'
import { aligned, packedBytes, type RowsFormat, type WeightFormat } from './formats.js'
import type { Part, Piece, Source, SourceOrder } from './layout.js'

/*
 * What an architecture lists its parts with: where weights come from, what becomes of them, and what is read together.
 */

/** What the rows (of a vector: entries) of each source are padded to where a piece has several: a block of the kernels. */
export const BLOCK = TILE_COLUMNS

/** A tensor as it is: [rows, cols], or a vector [cols]. */
export function whole(key: string, shape: number[]): Source {
  const [rows, cols] = shape.length === 1 ? [1, shape[0]] : shape
  return { tensor: { key, shape }, rows, cols, view: (tensors) => stored(tensors, key) }
}

/** Rows `from` (included) to `to` (excluded) of a source that is a matrix. */
export function rowsOf(source: Source, from: number, to: number): Source {
  return { ...source, rows: to - from, view: (tensors) => rows(source.view(tensors), from, to) }
}

/** One expert of a tensor [expert, rows, cols]. */
export function expertOf(key: string, shape: number[], id: number): Source {
  const [, rows, cols] = shape
  return { tensor: { key, shape }, rows, cols, view: (tensors) => select(stored(tensors, key), 0, id) }
}

/** One expert of a tensor that is stored [expert, in, out], the opposite of other matrices. */
export function transposedExpert(key: string, shape: number[], id: number): Source {
  const [, cols, rows] = shape
  return { tensor: { key, shape }, rows, cols, view: (tensors) => transpose(select(stored(tensors, key), 0, id)) }
}

function stored(tensors: Map<string, Tensor>, key: string): Tensor {
  const tensor = tensors.get(key)
  if (tensor === undefined) throw new RangeError(`the checkpoint has no tensor ${key}`)
  return tensor
}

/** A piece before its place within the part is known. */
export type PlannedPiece = Omit<Piece, 'offset'>

/** A matrix for products, of one source or of several that are multiplied at once. */
export function matrix(
  name: string,
  format: WeightFormat,
  source: Source | Source[],
  order: SourceOrder = 'stacked',
): PlannedPiece {
  const sources = [source].flat()
  const rows = sources.length === 1 ? sources[0].rows : sources.reduce((sum, { rows }) => sum + padded(rows), 0)
  const { cols } = sources[0]
  return { name, kind: 'matrix', format, rows, cols, sources, order, bytes: packedBytes('matrix', format, rows, cols) }
}

/** A table whose rows are looked up and never multiplied. */
export function table(name: string, format: RowsFormat, source: Source): PlannedPiece {
  const { rows, cols } = source
  const bytes = packedBytes('rows', format, rows, cols)
  return { name, kind: 'rows', format, rows, cols, sources: [source], order: 'stacked', bytes }
}

/** Plain floats, of one source or of several that are added at once to the outputs of a stacked matrix. */
export function vector(name: string, source: Source | Source[]): PlannedPiece {
  const sources = [source].flat()
  const cols = sources.length === 1 ? sources[0].cols : sources.reduce((sum, { cols }) => sum + padded(cols), 0)
  const bytes = packedBytes('vector', 'f32', 1, cols)
  return { name, kind: 'vector', format: 'f32', rows: 1, cols, sources, order: 'stacked', bytes }
}

/** Pieces that are read at once. */
export function part(name: string, planned: PlannedPiece[], of: Pick<Part, 'layer' | 'expert'> = {}): Part {
  let offset = 0
  const pieces = planned.map((piece) => {
    const placed = { ...piece, offset }
    offset += aligned(piece.bytes)
    return placed
  })
  return { name, ...of, bytes: offset, pieces }
}

/** Runs of rows of a source that lie together in its piece. */
export interface Run {
  /** First row within the source, and how many. */
  from: number
  count: number
  /** Where the first one lies in the piece: its row; of a vector, its entry. */
  at: number
}

/** Where the rows [from, to) of source `index` of a piece lie in it; `from` is a multiple of 32 unless it is alone. */
export function* runsOf({ sources, order, kind }: Piece, index: number, from: number, to: number): Generator<Run> {
  if (order === 'stacked') {
    const size = ({ rows, cols }: Source) => padded(kind === 'vector' ? cols : rows)
    const before = sources.slice(0, index).reduce((sum, source) => sum + size(source), 0)
    yield { from, count: to - from, at: before + from }
    return
  }
  for (let row = from; row < to; row += BLOCK) {
    yield { from: row, count: Math.min(BLOCK, to - row), at: row * sources.length + index * BLOCK }
  }
}
