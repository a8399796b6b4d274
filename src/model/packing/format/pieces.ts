import { UserError } from '../../../ground/errors.js'
import { TILE_COLUMNS } from '../../../kernels/abi/formats.js'
import { padded } from '../../../kernels/memory/formats.js'
import { changedNumbers } from '../../checkpoint/changed-numbers.js'
import { inOrder } from '../../checkpoint/row-order.js'
import { everySecond, joinLast, rows, select, type Tensor, transpose } from '../../checkpoint/tensor.js'
import { aligned, type PartFormats, packedBytes, type RowsFormat, type WeightFormat } from './formats.js'
import { type Part, type Piece, type Source, type SourceOrder, type StoredEntries, storedOf } from './layout.js'

/* Functions that describe a model's parts: sources of the weights, how they are packed, what is read together. */

/** Rows of each source (in a vector: entries) are padded to a block of the kernels if a piece has several. */
export const BLOCK = TILE_COLUMNS

/** A whole tensor: [rows, cols], or a vector [cols]. */
export function whole(key: string, shape: number[]): Source {
  const [rows, cols] = shape.length === 1 ? [1, shape[0]] : shape
  return { tensor: { key, shape }, rows, cols, view: (tensors) => stored(tensors, key) }
}

/** The vector in a tensor whose other dimensions are all 1. */
export function onlyVector(key: string, shape: number[]): Source {
  const length = Math.max(...shape)
  const dim = shape.indexOf(length)
  const view = (tensors: Map<string, Tensor>) => {
    const tensor = stored(tensors, key)
    return { ...tensor, shape: [length], strides: [tensor.strides[dim]] }
  }
  return { tensor: { key, shape }, rows: 1, cols: length, view }
}

export function rowsOf(source: Source, from: number, to: number): Source {
  return { ...source, rows: to - from, view: (tensors) => rows(source.view(tensors), from, to) }
}

export function entriesOf(source: Source, from: number, to: number): Source {
  return { ...source, cols: to - from, view: (tensors) => rows(source.view(tensors), from, to) }
}

export function expertOf(key: string, shape: number[], id: number): Source {
  const [, rows, cols] = shape
  return { tensor: { key, shape }, rows, cols, view: (tensors) => select(stored(tensors, key), 0, id) }
}

/** A matrix whose rows are the columns of the source. */
export function transposed(source: Source): Source {
  const { rows, cols } = source
  return { ...source, rows: cols, cols: rows, isTurned: true, view: (tensors) => transpose(source.view(tensors)) }
}

/** One expert of a tensor [expert, in, out], transposed: other matrices are stored [out, in]. */
export function transposedExpert(key: string, shape: number[], id: number): Source {
  const [, cols, rows] = shape
  return { tensor: { key, shape }, rows, cols, view: (tensors) => transpose(select(stored(tensors, key), 0, id)) }
}

/** The vector of one expert in a tensor [expert, n]. */
export function expertVector(key: string, shape: number[], id: number): Source {
  return { tensor: { key, shape }, rows: 1, cols: shape[1], view: (tensors) => select(stored(tensors, key), 0, id) }
}

/** Every second entry of a vector, from entry `first` on. */
export function alternate(source: Source, first: 0 | 1): Source {
  const view = (tensors: Map<string, Tensor>) => everySecond(source.view(tensors), first)
  return { ...source, cols: Math.ceil((source.cols - first) / 2), view }
}

/**
 * Rows, or entries of a vector, of a whole tensor with blocks of `size`: the first range of all blocks, then the second
 * range of all blocks, and so on.
 */
export function regrouped(
  source: Source,
  size: number,
  ranges: readonly (readonly [first: number, count: number])[],
): Source {
  const { tensor, view } = source
  const blocks = tensor.shape[0] / size
  const order = ranges.flatMap(([first, count]) =>
    Array.from({ length: blocks * count }, (_, i) => Math.floor(i / count) * size + first + (i % count)),
  )
  const arrange = (stored: Tensor) => inOrder(stored, order.length, (row) => order[row])
  const length = tensor.shape.length === 1 ? { cols: order.length } : { rows: order.length }
  return { ...source, ...length, arrange, view: (tensors) => arrange(view(tensors)) }
}

/** A vector of the numbers that `change` makes of a source's. */
export function changed(source: Source, change: (number: number) => number): Source {
  return { ...source, view: (tensors) => changedNumbers(source.view(tensors), change) }
}

/** A source, and another one of the same weights, which some checkpoints have instead. */
export function either(source: Source, instead: Source): Source {
  const both = { ...source, instead }
  return { ...both, view: (tensors) => storedOf(both, tensors).view(tensors) }
}

/** One tap of the filters [channel, 1, tap] of a convolution, as a vector [channel]. */
export function tapOf(key: string, shape: number[], tap: number): Source {
  const view = (tensors: Map<string, Tensor>) => select(select(stored(tensors, key), 2, tap), 1, 0)
  return { tensor: { key, shape }, rows: 1, cols: shape[0], view }
}

/** One tap of the filters [rows, cols, tap] of a convolution that mixes channels, as a matrix [rows, cols]. */
export function tapMatrix(key: string, shape: number[], tap: number): Source {
  const [rows, cols] = shape
  return { tensor: { key, shape }, rows, cols, view: (tensors) => select(stored(tensors, key), 2, tap) }
}

/**
 * One expert of weights [expert, rows, cols] that a checkpoint stores as MXFP4, in two tensors of bytes: `KEY_blocks`
 * [expert, rows, cols / 32, 16] and `KEY_scales` [expert, rows, cols / 32]. Throws a UserError if the columns do not
 * make whole blocks.
 */
export function mxfp4Expert(key: string, [experts, rows, cols]: number[], id: number): Source {
  const blocks = cols / TILE_COLUMNS
  if (!Number.isInteger(blocks)) {
    throw new UserError(`${key}_blocks: MXFP4 has whole blocks of ${TILE_COLUMNS} columns, and ${cols} are not`)
  }
  const entries = (tensor: StoredEntries['tensor']) => (tensors: Map<string, Tensor>) =>
    select(stored(tensors, tensor.key), 0, id)
  const weights = { key: `${key}_blocks`, shape: [experts, rows, blocks, TILE_COLUMNS / 2] }
  const scales = { key: `${key}_scales`, shape: [experts, rows, blocks] }
  const weightsOf = entries(weights)
  const view = (tensors: Map<string, Tensor>) => joinLast(weightsOf(tensors))
  return { tensor: weights, rows, cols, view, scales: { tensor: scales, view: entries(scales) } }
}

function stored(tensors: Map<string, Tensor>, key: string): Tensor {
  const tensor = tensors.get(key)
  if (tensor === undefined) throw new RangeError(`the checkpoint has no tensor ${key}`)
  return tensor
}

/** A piece that has no place in its part yet. */
export type PlannedPiece = Omit<Piece, 'offset'>

/** A matrix for products, of one source or of several that are multiplied together. */
export function matrix(
  name: string,
  format: WeightFormat,
  source: Source | Source[],
  order: SourceOrder = 'stacked',
): PlannedPiece {
  const sources = [source].flat()
  const { cols } = sources[0]
  const halves =
    order === 'alternating' ? sources.flatMap(({ rows }) => [rows / 2, rows / 2]) : sources.map(({ rows }) => rows)
  const rows = halves.length === 1 ? halves[0] : halves.reduce((sum, rows) => sum + padded(rows), 0)
  return { name, kind: 'matrix', format, rows, cols, sources, order, bytes: packedBytes('matrix', format, rows, cols) }
}

/** A table whose rows are looked up and never multiplied. */
export function table(name: string, format: RowsFormat, source: Source): PlannedPiece {
  const { rows, cols } = source
  const bytes = packedBytes('rows', format, rows, cols)
  return { name, kind: 'rows', format, rows, cols, sources: [source], order: 'stacked', bytes }
}

/** Plain floats of one source, or of several in the order of the matrix whose outputs they are added to. */
export function vector(
  name: string,
  source: Source | Source[],
  order: Exclude<SourceOrder, 'alternating'> = 'stacked',
): PlannedPiece {
  const sources = [source].flat()
  const cols = sources.length === 1 ? sources[0].cols : sources.reduce((sum, { cols }) => sum + padded(cols), 0)
  const bytes = packedBytes('vector', 'f32', 1, cols)
  return { name, kind: 'vector', format: 'f32', rows: 1, cols, sources, order, bytes }
}

/** A part: pieces that are read together. */
export function part(name: string, planned: PlannedPiece[], of: Pick<Part, 'layer' | 'expert'> = {}): Part {
  let offset = 0
  const pieces = planned.map((piece) => {
    const placed = { ...piece, offset }
    offset += aligned(piece.bytes)
    return placed
  })
  return { name, ...of, bytes: offset, pieces }
}

/** Applies the formats of single matrices to parts, which have their kinds' formats. */
export function* withPieceFormats(parts: Iterable<Part>, { pieces }: PartFormats): Generator<Part> {
  for (const planned of parts) yield pieces ? withFormats(planned, pieces) : planned
}

/** Name of an expert's part with `*` in place of the id: all experts of its layer, in the keys of `pieces`. */
export function everyExpert(part: string): string {
  return `${part.slice(0, part.lastIndexOf('.'))}.*`
}

function withFormats(planned: Part, formats: Readonly<Record<string, WeightFormat>>): Part {
  const { name, layer, expert, pieces } = planned
  const any = expert && everyExpert(name)
  const formatOf = (piece: Piece) => formats[`${name}/${piece.name}`] ?? formats[`${any}/${piece.name}`]
  if (!pieces.some(formatOf)) return planned
  const changed = pieces.map((piece) => {
    const format = piece.kind === 'matrix' ? (formatOf(piece) ?? piece.format) : piece.format
    return { ...piece, format, bytes: packedBytes(piece.kind, format, piece.rows, piece.cols) }
  })
  return part(name, changed, { layer, expert })
}

/** Run of rows of a source, or entries of a vector's source, that are neighbours in its piece. */
export interface PieceRun {
  /** First row within the source, and number of rows; of alternating rows including the padding of both halves. */
  from: number
  count: number
  /** Row of the first one in the piece. */
  at: number
}

/** Finds rows of source `index` in its piece. `from` is a multiple of 32 if there are several, of 64 if rows alternate. */
export function* runsOf({ sources, order, kind }: Piece, index: number, from: number, to: number): Generator<PieceRun> {
  if (order === 'stacked') {
    const size = ({ rows, cols }: Source) => padded(kind === 'vector' ? cols : rows)
    const before = sources.slice(0, index).reduce((sum, source) => sum + size(source), 0)
    yield { from, count: to - from, at: before + from }
    return
  }
  if (order === 'alternating') {
    yield { from, count: 2 * padded((to - from) / 2), at: from }
    return
  }
  for (let row = from; row < to; row += BLOCK) {
    yield { from: row, count: Math.min(BLOCK, to - row), at: row * sources.length + index * BLOCK }
  }
}
