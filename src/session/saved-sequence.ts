import type { SavedSequence } from '../api/session.js'
import { UsageError, UserError } from '../errors.js'
import type { ModelConfig } from '../model/config.js'
import { shown } from '../option-checks.js'
import { tokenIds } from './token-ids.js'

/** Throws a UserError if `saved` cannot come from a session of a model with this config. */
export function checkSaved(saved: SavedSequence, { vocabSize }: ModelConfig): void {
  const { tokens, oldest, rows, checkpoints, checksum, cacheType } = saved ?? {}
  if (!(tokens instanceof Int32Array && rows instanceof Float32Array)) {
    throw new UsageError('restore needs what save gave: tokens (Int32Array), oldest and rows (Float32Array)')
  }
  if (checkpoints !== undefined && !(checkpoints instanceof Int32Array)) {
    throw new UsageError('`checkpoints` must be the Int32Array that save gave, or absent')
  }
  if (checksum !== undefined && typeof checksum !== 'string') {
    throw new UsageError('`checksum` must be the text that save gave, or absent')
  }
  if (cacheType !== undefined && cacheType !== 'q8') {
    throw new UsageError('`cacheType` must be what save gave: q8, or absent')
  }
  if (!Number.isInteger(oldest) || oldest < 0 || oldest > tokens.length) {
    throw new UserError(`the saved session is incomplete: its oldest position is ${shown(oldest)} of ${tokens.length}`)
  }
  tokenIds(tokens, vocabSize)
}
