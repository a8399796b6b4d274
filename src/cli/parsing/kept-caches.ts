import { UsageError } from '../../ground/errors.js'
import { parseSize } from './options.js'

/** Most bytes of the caches beside kept conversations, all together. */
const DEFAULT_BYTES = 4 * 2 ** 30

/** The same, by $MOLM_CACHE_SIZE if that is set: `0` keeps none. Throws a UsageError if it is no size. */
export function keptCacheBytes({ MOLM_CACHE_SIZE: size }: NodeJS.ProcessEnv = process.env): number {
  if (!size) return DEFAULT_BYTES
  if (Number(size) === 0) return 0
  try {
    return parseSize('$MOLM_CACHE_SIZE', size)
  } catch {
    throw new UsageError(`$MOLM_CACHE_SIZE must be a size like 4GiB, or 0 to keep no caches, not '${size}'`)
  }
}
