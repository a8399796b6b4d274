import { padded } from '../../../kernels/memory/formats.js'
import type { DType } from '../../checkpoint/dtype.js'
import type { Tensor } from '../../checkpoint/tensor.js'
import { type PieceKind, packedBytes, type WeightFormat } from '../format/formats.js'
import type { Layout, Part, Piece } from '../format/layout.js'
import { runsOf } from '../format/pieces.js'
import { CHUNK_BYTES, type Chunk, chunksOf, type ReadAhead, Reads, type ViewBytes } from './chunks.js'

/** Rows of weights in a checkpoint, and the format to pack them in. */
export interface PackRequest {
  /** Bytes of the checkpoint, at the start of a buffer of their own, which the packer may keep or transfer. */
  bytes: Uint8Array
  dtype: DType
  /** Index, in elements, of entry [0, 0] inside `bytes`. */
  firstElement: number
  rows: number
  cols: number
  /**
   * Distances between neighbours, in elements; 0 repeats the same one. Of block types `colStride` is 1, and the other
   * numbers are whole blocks.
   */
  rowStride: number
  colStride: number
  kind: PieceKind
  format: WeightFormat
  /**
   * Scales of MXFP4 weights, in a buffer of their own, and their number from one row to the next. The elements of `bytes`
   * are bytes then, each with two of the `cols` weights of a row.
   */
  scales?: { bytes: Uint8Array; rowStride: number }
  /** Whether even and odd rows are separated: 32 of each in turn, each half padded to a multiple of 32. Default: false. */
  alternating?: boolean
  /** Inputs of the matrix. Its products with them change least. Default: the weights themselves change least. */
  inputs?: MatrixInputs
}

/** Rows that a matrix is multiplied with. */
export interface MatrixInputs {
  of: string
  /** [count, columns of the matrix]; shared between threads. At least one row. */
  rows: Float32Array
}

/** Packs rows: packedBytes(kind, format, packedRows, cols) bytes, and how many weights are NaN or infinite. */
export type PackMatrix = (request: PackRequest) => Promise<{ bytes: Uint8Array; nonFinite: number }>

/** Rows that come out of packing, padding between blocks included. */
export function packedRows({ rows, alternating }: Pick<PackRequest, 'rows' | 'alternating'>): number {
  return alternating ? 2 * padded(rows / 2) : rows
}

export interface NonFinite {
  tensor: string
  part: string
  count: number
}

export interface PackedPart {
  part: Part
  /** Bytes of the part or stretch, including padding, in a buffer of their own. */
  bytes: Uint8Array
  offset: number
  isLast: boolean
  /** Weights that are not finite, in the order of reading; empty for a healthy checkpoint. */
  nonFinite: NonFinite[]
}

export interface PackPartsOptions {
  signal?: AbortSignal
  /** Parts to leave out. Default: none. */
  skip?: (part: Part) => boolean
  /** Limits of reading ahead of the chunk that is being packed. Default: one chunk, which is always read. */
  readAhead?: ReadAhead
  /** Whether parts with a single source (an embedding, a head) come chunk by chunk. Default: every part whole. */
  inStretches?: boolean
  /** Returns the inputs of a matrix, if it is to be packed for them. Called for each chunk of it, in the order of packing. */
  inputsOf?: (part: Part, piece: Piece) => Promise<MatrixInputs | undefined>
  /** Called with the bytes of the checkpoint before they are packed into a part. */
  onRead?: (part: Part, view: Tensor, bytes: Uint8Array) => void
}

/** Maximum bytes of a stretch: 16-bit weights double when they become f32. */
export const STRETCH_BYTES = 2 * CHUNK_BYTES

/**
 * Packs the parts of a layout from a checkpoint, one after the other, in the layout's order. At any time only one part,
 * or one stretch of it, and three chunks of the checkpoint are in memory, or what `readAhead` allows: while one chunk
 * is packed, the next ones are read and the result of the last one is used. Rejects with the signal's reason once it is
 * aborted, and with a UserError if a file cannot be read.
 */
export async function* packParts(
  layout: Layout,
  tensors: Map<string, Tensor>,
  pack: PackMatrix,
  options: PackPartsOptions = {},
): AsyncGenerator<PackedPart> {
  const {
    signal,
    skip = () => false,
    readAhead = { reads: 1, bytes: 0 },
    inStretches = false,
    onRead,
    inputsOf,
  } = options
  const reads = new Reads(chunksOf(layout, skip, tensors), readAhead)
  let current: Packing | undefined
  let packed: PackedPart | undefined
  try {
    do {
      signal?.throwIfAborted()
      const next = await reads.next()
      signal?.throwIfAborted()
      if (next) for (const { view, bytes } of next.read) onRead?.(next.chunk.part, view, bytes)
      // The packer gets its next work before the last result is used, so that it is never idle.
      const following = next && startPacking(next.chunk, next.read, pack, inputsOf)
      const done = current
      current = following
      if (done) {
        const { isLast } = done.chunk
        packed ??= inStretches ? emptyStretch(done.chunk) : emptyPart(done.chunk.part)
        addChunk(packed, done.chunk, await done.result)
        packed.isLast = isLast
        const isFull = isLast || (inStretches && comesInStretches(packed.part))
        if (isFull) yield packed
        if (isFull) packed = undefined
      }
    } while (current)
  } finally {
    await Promise.allSettled([current?.result, reads.settle()])
  }
}

type PackResult = Awaited<ReturnType<PackMatrix>>

interface Packing {
  chunk: Chunk
  result: Promise<PackResult>
}

function startPacking(
  chunk: Chunk,
  [weights, scales]: ViewBytes[],
  pack: PackMatrix,
  inputsOf: PackPartsOptions['inputsOf'],
): Packing {
  const { part, piece } = chunk
  const { kind, format, order } = piece
  const { dtype, shape, strides } = weights.view
  const [rowStride, colStride] = strides
  const request: PackRequest = {
    bytes: weights.bytes,
    dtype,
    firstElement: 0,
    rows: chunk.rows,
    // A byte holds two weights of MXFP4.
    cols: scales ? 2 * shape[1] : shape[1],
    rowStride,
    colStride,
    kind,
    format,
    ...(scales && { scales: { bytes: scales.bytes, rowStride: scales.view.strides[0] } }),
    ...(order === 'alternating' && { alternating: true }),
  }
  const result = inputsOf ? inputsOf(part, piece).then((inputs) => pack({ ...request, inputs })) : pack(request)
  // It may fail before it is awaited; that must not count as an unhandled rejection.
  result.catch(() => undefined)
  return { chunk, result }
}

function emptyPart(part: Part): PackedPart {
  return { part, bytes: new Uint8Array(part.bytes), offset: 0, isLast: false, nonFinite: [] }
}

/** Buffer for a packed chunk, or for its whole part if that has several sources. */
function emptyStretch({ part, firstRow, rows, isLast }: Chunk): PackedPart {
  if (!comesInStretches(part)) return emptyPart(part)
  const [{ kind, format, cols }] = part.pieces
  const offset = packedBytes(kind, format, firstRow, cols)
  // The padding of the part belongs to its last stretch.
  const end = isLast ? part.bytes : offset + packedBytes(kind, format, rows, cols)
  return { part, bytes: new Uint8Array(end - offset), offset, isLast: false, nonFinite: [] }
}

/** Whether a part can be yielded chunk by chunk: its bytes have the order of reading. */
export function comesInStretches({ pieces }: Part): boolean {
  return pieces.length === 1 && pieces[0].sources.length === 1
}

/** Copies packed rows, or the entries of a vector, to their places in their piece. */
function addChunk(packed: PackedPart, { part, piece, source, firstRow, rows, views }: Chunk, result: PackResult): void {
  const { kind, format, order, cols } = piece
  const isVector = kind === 'vector'
  const bytesOf = (count: number) =>
    isVector ? packedBytes(kind, format, 1, count) : packedBytes(kind, format, count, cols)
  const [from, count] = isVector ? [0, piece.sources[source].cols] : [firstRow, rows]
  const size = bytesOf(packedRows({ rows: count, alternating: order === 'alternating' }))
  if (result.bytes.length !== size) {
    throw new Error(`packing ${part.name} ${piece.name} gave ${result.bytes.length} bytes for ${rows} rows`)
  }
  for (const run of runsOf(piece, source, from, from + count)) {
    const start = bytesOf(run.from - from)
    const place = piece.offset + bytesOf(run.at) - packed.offset
    packed.bytes.set(result.bytes.subarray(start, start + bytesOf(run.count)), place)
  }
  if (result.nonFinite > 0) {
    packed.nonFinite.push({ tensor: views[0].name, part: part.name, count: result.nonFinite })
  }
}
