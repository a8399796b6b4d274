import type { SavedSequence } from '../engine/protocol.js'
import { UsageError, UserError } from '../errors.js'
import type { ModelConfig } from '../model/config.js'
import { tokenIds } from './token-ids.js'

/** Throws a UserError where something was never saved by a session of a model like this one. */
export function checkSaved(saved: SavedSequence, { vocabSize }: ModelConfig): void {
  const { tokens, oldest, rows } = saved ?? {}
  if (!(tokens instanceof Int32Array && rows instanceof Float32Array)) {
    throw new UsageError('restore needs what save gave: tokens (Int32Array), oldest and rows (Float32Array)')
  }
  if (!Number.isInteger(oldest) || oldest < 0 || oldest > tokens.length) {
    throw new UserError(`the saved session is not whole: its oldest position is ${oldest} of ${tokens.length}`)
  }
  tokenIds(tokens, vocabSize)
}
