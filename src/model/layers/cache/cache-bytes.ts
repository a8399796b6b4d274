import { mostCheckpoints } from './checkpoints.js'
import { bytesOf, type CachedLayer, SLACK } from './layer-cache.js'
import type { SequenceCache } from './sequence-cache.js'

export interface CacheBytes {
  /** For each token, in the layers that keep all tokens. */
  perToken: number
  /** At most in windows, running states and checkpoints, however many tokens there are. */
  perSequence: number
}

/** Bytes of a cache, if a micro-batch has at most `batch` tokens. */
export function cacheBytes(layers: readonly CachedLayer[], batch: number): CacheBytes {
  const bytes = { perToken: 0, perSequence: 0 }
  const checkpoints = mostCheckpoints(layers)
  for (const { rows, state = 0, format } of layers) {
    const { window } = rows ?? {}
    const row = rows ? bytesOf(rows, format) : 0
    if (!window) bytes.perToken += row
    else bytes.perSequence += (window + SLACK + batch + checkpoints * window) * row
    // Two slots, and a third while a request runs.
    bytes.perSequence += (3 + checkpoints) * 4 * state
  }
  return bytes
}

/** Bytes that caches take together. Pages and checkpoints that several of them share count once. */
export function bytesOfAll(caches: readonly SequenceCache[]): number {
  const states = new Set(caches.flatMap(({ checkpoints }) => checkpoints.all.map(({ state }) => state)))
  const shares = caches.reduce((sum, { bytes, checkpoints }) => sum + bytes - checkpoints.bytes, 0)
  return Math.round([...states].reduce((sum, { byteLength }) => sum + byteLength, shares))
}
