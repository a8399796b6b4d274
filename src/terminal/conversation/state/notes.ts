import type { Model } from '../../../api/model.js'
import { NoRoom, UserError } from '../../../ground/errors.js'
import { messageText } from '../../../ground/message.js'
import { formatCount, plural } from '../../../ground/numbers.js'
import { isBeyondTraining } from '../../../model/config/config.js'
import type { FinishedAnswer } from '../turns/running-answer.js'
import { typedHere } from './settings.js'

/** Notes below the last answer of a turn. `hasForm`: it was to have a form, and cannot be continued. */
export function endNotes(
  { message: { content, thinking = '' }, finishReason, contextFull, tokens, calls, hadEnded }: FinishedAnswer,
  model: string,
  hasForm = false,
): string[] {
  if (hadEnded) return ['the answer had already ended: nothing was added']
  const notes: string[] = []
  const isBegun = content + thinking !== ''
  if (calls) notes.push(`${model} calls a tool, and the chat has none: molm chat --mcp adds some`)
  if (finishReason === 'interrupted' && !isBegun) notes.push('stopped while reading: /retry reads on')
  else if (finishReason === 'interrupted')
    notes.push(`interrupted: ${hasForm ? '/retry answers again' : '/continue resumes it'}`)
  else if (finishReason === 'length' && !contextFull) notes.push(cutNote(tokens, hasForm))
  if (contextFull) notes.push("the answer ended because the model's context is full; /reset begins again")
  return notes
}

/** The note below an answer that reached its maximum number of tokens. */
export function cutNote(tokens: number, hasForm = false): string {
  const cut = `cut at ${plural(tokens, 'token')}`
  const longer = `/set max-tokens ${nextRound(tokens)}`
  if (hasForm) return `${cut}, so it has not the form: ${longer}, then /retry`
  return `${cut}: /continue resumes it, ${longer} allows longer answers`
}

/** Warns when more tokens count than the model was trained on. `context` limits the tokens that count. */
export function lengthNote(tokens: number, { config, name }: Pick<Model, 'config' | 'name'>, context?: number) {
  if (!isBeyondTraining(tokens, config, context)) return undefined
  const { trainedContext, maxPositions } = config
  const remedy = maxPositions === undefined ? `, /set context ${trainedContext} lets only the latest count` : ''
  return (
    `the conversation has ${formatCount(tokens)} tokens, and ${name} was trained on ${trainedContext} at a time: ` +
    `answers may make no sense; /reset begins again${remedy}`
  )
}

/** The message of an error, for the user of a chat. */
export function messageOf(error: unknown): string {
  // The library's message advises on sessions, and a conversation is only one of them.
  if (error instanceof NoRoom) {
    return 'no room for more text in the 4 GiB of a WebAssembly memory; /reset begins again, /set context N counts only the latest N tokens'
  }
  if (error instanceof UserError) return messageText(error.phrase, typedHere)
  return error instanceof Error ? error.message : String(error)
}

/** Twice the number or a little more, rounded to one digit that is not 0. */
function nextRound(tokens: number): number {
  const unit = 10 ** Math.floor(Math.log10(Math.max(1, 2 * tokens)))
  return Math.ceil((2 * tokens) / unit) * unit
}
