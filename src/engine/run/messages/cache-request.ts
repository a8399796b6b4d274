import type { CachePiece } from '../../../api/cache-pieces.js'
import type { CacheSnapshot } from '../../../api/session.js'

/*
 * Caches are saved and restored in pieces, some rows of a tensor at a time: a long conversation has more than a
 * message should, and other sequences run between the pieces.
 */

export type CacheRequest = { kind: 'cache'; session: number } & CacheStep

/** A step of an export (`describe`, then `read` for each piece) or of an import (`begin`, `write`, then `end`). */
export type CacheStep =
  | { step: 'describe' }
  | ({ step: 'read'; version: number } & CachePiece)
  | { step: 'begin'; tokens: Int32Array; oldest: number; checkpoints: Int32Array }
  | ({ step: 'write'; bytes: Uint8Array } & CachePiece)
  | { step: 'end'; isComplete: boolean }

/** The cache of a sequence, without its values. */
export interface CacheDescription extends Omit<CacheSnapshot, 'read'> {
  /** Changes with the sequence. */
  version: number
}
