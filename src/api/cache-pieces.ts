import type { CacheTensor } from './session.js'

/** Most bytes of a piece, unless a single row has more. */
const PIECE_BYTES = 4 * 2 ** 20

/** Rows of a tensor. */
export interface CachePiece {
  tensor: number
  from: number
  rows: number
}

/** The rows of a cache's tensors in pieces of some 4 MiB, in order. */
export function* piecesOf(tensors: readonly CacheTensor[]): Generator<CachePiece> {
  for (const [tensor, shape] of tensors.entries()) {
    const [all] = shape.shape
    const most = Math.max(1, Math.floor(PIECE_BYTES / rowBytes(shape)))
    for (let from = 0; from < all; from += most) yield { tensor, from, rows: Math.min(most, all - from) }
  }
}

const BYTES = { F32: 4, BF16: 2, I8: 1 }

/** Bytes of a row of a tensor. */
export function rowBytes({ dtype, shape: [, channels] }: CacheTensor): number {
  return channels * BYTES[dtype]
}
