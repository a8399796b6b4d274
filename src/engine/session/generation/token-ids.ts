import { UsageError, UserError } from '../../../ground/errors.js'
import { option, phrase } from '../../../ground/message.js'
import { shown } from '../../../ground/option-checks.js'
import type { ModelConfig } from '../../../model/config/config.js'

/** Checks a caller's token ids. Throws a UserError that names the first one outside the vocabulary. */
export function tokenIds(tokens: ArrayLike<number>, vocabSize: number): Int32Array {
  if (typeof tokens !== 'object' || tokens === null || !Number.isInteger(tokens.length)) {
    throw new UsageError(`token ids must come as an array, not ${shown(tokens)}`)
  }
  for (let i = 0; i < tokens.length; i++) {
    const id: unknown = tokens[i]
    if (!Number.isInteger(id)) throw new UsageError(`token ${shown(id)} at index ${i} is not a whole number`)
    if (tokens[i] < 0 || tokens[i] >= vocabSize) {
      throw new UserError(`token ${tokens[i]} is outside the model's vocabulary of ${vocabSize}`)
    }
  }
  return Int32Array.from(tokens)
}

/** Checks the ids of `targets`. Throws a UserError if there are more than tokens, or the model is a classifier. */
export function targetIds(
  targets: ArrayLike<number>,
  tokens: number,
  { architecture, vocabSize }: Pick<ModelConfig, 'architecture' | 'vocabSize'>,
): Int32Array {
  if (architecture === 'classifier') throw new UserError('a sequence classifier predicts no tokens; use classify')
  const ids = tokenIds(targets, vocabSize)
  if (ids.length > tokens)
    throw new UsageError(phrase`there are more ${option('targets')} (${ids.length}) than tokens (${tokens})`)
  return ids
}

/** Numbers of tokens after which a message may end: behind each special token that follows ordinary text. */
export function messageEnds(prompt: Int32Array, specialIds: ReadonlySet<number>): number[] {
  const ends: number[] = []
  for (let i = 1; i < prompt.length; i++) {
    if (specialIds.has(prompt[i]) && !specialIds.has(prompt[i - 1])) ends.push(i + 1)
  }
  return ends
}
