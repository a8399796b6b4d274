import { bytesOf, type DType, isBlockType } from '../../checkpoint/dtype.js'
import { readSpan, rows, span, type Tensor } from '../../checkpoint/tensor.js'
import type { Layout, Part, Piece } from '../format/layout.js'
import { BLOCK } from '../format/pieces.js'

/** Limits of reading ahead; both apply. Several reads at once help when each takes long to arrive. */
export interface ReadAhead {
  reads: number
  bytes: number
  /** Bytes of chunks to read together. Neighbours in a file are then one read. Default: one chunk. */
  together?: number
}

/** Unused bytes between neighbours. A request over the network has about as many besides what it fetches. */
const MOST_GAP = 1024

/** Bytes of a checkpoint that are read at once. Two such reads are held: the one being packed and the next. */
export const CHUNK_BYTES = 16 * 2 ** 20

/** Consecutive rows of one source of a piece that are read and packed together. */
export interface Chunk {
  part: Part
  piece: Piece
  source: number
  firstRow: number
  rows: number
  /** The weights [rows, ..], then their scales if they are MXFP4. */
  views: Tensor[]
  isLast: boolean
}

export interface ViewBytes {
  view: Tensor
  bytes: Uint8Array
}

interface ReadChunk {
  chunk: Chunk
  read: ViewBytes[]
}

/** Reads in progress, in the order of packing their chunks. */
export class Reads {
  private readonly pending: { bytes: number; read: Promise<ReadChunk[]> }[] = []

  constructor(
    private readonly chunks: Generator<Chunk>,
    private readonly ahead: ReadAhead,
  ) {}

  /** Resolves with the next chunk and its bytes. While they are used, the following ones are read. */
  async next(): Promise<ReadChunk | undefined> {
    this.fill()
    const first = await this.pending[0]?.read
    const next = first?.shift()
    if (first?.length === 0) this.pending.shift()
    this.fill()
    return next
  }

  /** Resolves once no read is in progress, so that a caller that stops early may close the files. */
  async settle(): Promise<void> {
    await Promise.allSettled(this.pending.map(({ read }) => read))
  }

  private fill(): void {
    while (this.hasRoom() && this.start());
  }

  private hasRoom(): boolean {
    const bytes = this.pending.reduce((sum, read) => sum + read.bytes, 0)
    return this.pending.length === 0 || (this.pending.length < this.ahead.reads && bytes < this.ahead.bytes)
  }

  /** Starts to read one more chunk, and others together with it; false if there is none. */
  private start(): boolean {
    const chunks: Chunk[] = []
    let bytes = 0
    do {
      const { value: chunk, done } = this.chunks.next()
      if (done) break
      chunks.push(chunk)
      bytes += chunk.views.reduce((sum, view) => sum + span(view).end - span(view).start, 0)
    } while (bytes < (this.ahead.together ?? 0))
    if (chunks.length === 0) return false
    const read = readTogether(chunks)
    // It may fail before it is awaited; that must not count as an unhandled rejection.
    read.catch(() => undefined)
    this.pending.push({ bytes, read })
    return true
  }
}

/** Reads chunks, each stretch of neighbours in a file at once. */
async function readTogether(chunks: Chunk[]): Promise<ReadChunk[]> {
  const nothing = new Uint8Array()
  const all = chunks.map((chunk) => ({ chunk, read: chunk.views.map((view) => ({ view, bytes: nothing })) }))
  const stretches: { start: number; end: number; read: ViewBytes[] }[] = []
  for (const one of all.flatMap(({ read }) => read).sort((a, b) => a.view.offset - b.view.offset)) {
    const { start, end } = span(one.view)
    const before = stretches.findLast(({ read }) => read[0].view.source === one.view.source)
    if (before && start <= before.end + MOST_GAP) {
      before.read.push(one)
      before.end = Math.max(before.end, end)
    } else stretches.push({ start, end, read: [one] })
  }
  const reads = stretches.map(async ({ start, end, read }) => {
    const bytes = await readSpan({ ...read[0].view, dtype: 'U8', shape: [end - start], strides: [1], offset: start })
    const cut = (view: Tensor) => bytes.slice(view.offset - start, span(view).end - start)
    for (const one of read) one.bytes = read.length === 1 ? bytes : cut(one.view)
  })
  await Promise.allSettled(reads)
  await Promise.all(reads)
  return all
}

/** Divides the parts of a layout into chunks, in the order of packing. */
export function* chunksOf(
  layout: Layout,
  skip: (part: Part) => boolean,
  tensors: Map<string, Tensor>,
): Generator<Chunk> {
  for (const part of layout.parts) {
    if (skip(part)) continue
    for (const piece of part.pieces) {
      for (const [source, { rows: count, view, scales }] of piece.sources.entries()) {
        const views = [view, ...(scales ? [scales.view] : [])].map((viewIn) => asMatrix(viewIn(tensors)))
        const step = rowsAtOnce(views[0], piece.order === 'alternating' ? 2 * BLOCK : BLOCK)
        const isLastSource = piece === part.pieces.at(-1) && source === piece.sources.length - 1
        for (let firstRow = 0; firstRow < count; firstRow += step) {
          const end = Math.min(firstRow + step, count)
          yield {
            part,
            piece,
            source,
            firstRow,
            rows: end - firstRow,
            views: views.map((view) => rows(view, firstRow, end)),
            isLast: isLastSource && end === count,
          }
        }
      }
    }
  }
}

function asMatrix(t: Tensor): Tensor {
  if (t.shape.length === 2) return t
  return { ...t, shape: [1, ...t.shape], strides: [0, ...t.strides] }
}

/** Rows to read at once: all, or a multiple of `block`. A transposed matrix, whose rows are spread, is never divided. */
function rowsAtOnce(view: Tensor, block: number): number {
  const [count, cols] = view.shape
  const [rowStride, colStride] = view.strides
  const { start, end } = span(view)
  const areRowsApart = rowStride >= (cols - 1) * colStride + 1
  const most = chunkBytes(view.dtype)
  if (end - start <= most || !areRowsApart) return count
  const rowBytes = bytesOf(view.dtype, rowStride)
  return Math.max(1, Math.floor(most / rowBytes / block)) * block
}

/** Bytes of a type to read at once. Those of a block type hold as many weights as CHUNK_BYTES of 16-bit numbers. */
function chunkBytes(dtype: DType): number {
  return isBlockType(dtype) ? Math.min(CHUNK_BYTES, bytesOf(dtype, CHUNK_BYTES / 2)) : CHUNK_BYTES
}
