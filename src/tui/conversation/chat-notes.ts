import type { Model } from '../../api/model.js'
import { isBeyondTraining } from '../../library/trained-context.js'
import { formatCount, plural } from '../../numbers.js'

/** The note below an answer that ended because it has as many tokens as it may have. */
export function cutNote(tokens: number): string {
  return `cut at ${plural(tokens, 'token')}: /continue resumes it, /set max-tokens ${nextRound(tokens)} allows longer answers`
}

/** What is said of a conversation that is longer than anything that the model was trained on, as far as it counts. */
export function lengthNote(tokens: number, { config, name }: Pick<Model, 'config' | 'name'>, context?: number) {
  if (!isBeyondTraining(tokens, config, context)) return undefined
  const { trainedContext, maxPositions } = config
  const remedy = maxPositions === undefined ? `, /set context ${trainedContext} lets only the latest count` : ''
  return (
    `the conversation has ${formatCount(tokens)} tokens, and ${name} was trained on ${trainedContext} at a time: ` +
    `answers may make no sense; /reset begins again${remedy}`
  )
}

/** Twice as many or some more, with one digit that is not 0. */
function nextRound(tokens: number): number {
  const unit = 10 ** Math.floor(Math.log10(Math.max(1, 2 * tokens)))
  return Math.ceil((2 * tokens) / unit) * unit
}
