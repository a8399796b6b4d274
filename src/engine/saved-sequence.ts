import type { SavedSequence } from '../api/session.js'
import { UserError } from '../errors.js'
import { exportRows, importRows } from '../nn/cache/saved-rows.js'
import type { CacheFormat } from '../runtime/memory/formats.js'
import type { Task } from './demand.js'
import { checkUndamaged, withChecksum } from './saved-checksum.js'
import type { Sequence } from './sequence.js'

/** Copies tokens and cache of a sequence as a whole. `cache-transfer.ts` does it in pieces. */
export function* exportSequence(sequence: Sequence, stop: Int32Array): Task<SavedSequence> {
  yield* sequence.catchUp(stop)
  const { tokens, cache } = sequence
  const checkpoints = cache.checkpointPositions
  return withChecksum({
    tokens: Int32Array.from(tokens),
    oldest: cache.oldest,
    rows: exportRows(cache),
    ...(sequence.model.cacheFormat === 'q8' && { cacheType: 'q8' as const }),
    ...(checkpoints.length > 0 && { checkpoints: Int32Array.from(checkpoints) }),
  })
}

/**
 * Replaces tokens and cache by those of a saved sequence. Throws a UserError, and changes nothing, if it is damaged or
 * does not fit.
 */
export function importSequence(sequence: Sequence, saved: SavedSequence): void {
  checkUndamaged(saved)
  const { tokens, oldest, rows, checkpoints = [] } = saved
  checkCacheType(saved.cacheType, sequence.model.cacheFormat)
  const cache = sequence.model.createCache()
  try {
    importRows(cache, rows, { start: oldest, end: tokens.length, checkpoints: [...checkpoints] })
  } catch (error) {
    cache.release()
    throw error
  }
  sequence.replace(cache, tokens)
}

function checkCacheType(saved: SavedSequence['cacheType'], own: CacheFormat): void {
  if ((saved === 'q8') === (own === 'q8')) return
  // A saved session of floats does not say whether they were 16 or 32 bits wide.
  const [has, needed] = saved === 'q8' ? ['q8', 'q8'] : ['floats', 'bf16']
  throw new UserError(
    `the saved session has a cache of ${has}, and this model one of ${own}: load it with \`cacheType\` ${needed}`,
  )
}
