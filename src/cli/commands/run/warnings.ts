import { typedName } from '../../../api/generation-options.js'
import type { Model } from '../../../api/model.js'
import type { ChatMessage } from '../../../api/text.js'
import type { Prompt } from '../../../engine/session/prompt.js'
import type { Answered } from '../../../engine/session/turn.js'
import { type Message, messageText } from '../../../ground/message.js'
import { formatCount } from '../../../ground/numbers.js'
import { printable } from '../../../ground/printable.js'
import { isBeyondTraining } from '../../../model/config/config.js'
import { systemDropped } from '../../../text/chat-frame.js'
import { note } from '../../io/output.js'
import { limitOf } from './complete-value.js'

/** Maximum characters of a tool's result that are shown. */
const LONGEST_RESULT = 200

/** Prints the notes on a prompt: on what the model or its template cannot do, and on its length. */
export function warnOfPrompt({ dropsSystem, notes, ids }: Prompt, model: Model, context?: number): void {
  if (dropsSystem) note(`warning: ${systemDropped(model.name)}`)
  for (const text of notes) note(asFlags(text))
  warnOfLength(ids.length, model, context)
}

/** Says that an answer was cut off before its content, which is why nothing was printed. */
export function noteCutOff({ message, result, part }: Answered): void {
  if (result.finishReason !== 'length' || part === 'content') return
  const doing = part === 'thinking' ? 'thinking' : 'calling a tool'
  if (message.content === '') note(`the model was still ${doing} when the answer ended${limitOf(result)}`)
}

/** Shows the beginning of a tool's result. */
export function noteResult({ name = '', content }: ChatMessage): void {
  const line = content
    .slice(0, 4 * LONGEST_RESULT)
    .replace(/\s+/g, ' ')
    .trim()
  note(`${printable(name)}: ${printable(line, LONGEST_RESULT)}`)
}

/** Says that the text ended at the limit of the model's context. */
export function noteFullContext({ promptTokens, result }: Answered): void {
  note(`the text ended at the limit of the model's context, ${promptTokens + result.tokens.length - 1} tokens`)
}

/** Warns if the prompt is longer than the texts that the model was trained on. */
function warnOfLength(tokens: number, { config, name }: Model, context?: number): void {
  if (!isBeyondTraining(tokens, config, context)) return
  const { trainedContext, maxPositions } = config
  const remedy = maxPositions === undefined ? `; --context ${trainedContext} uses only the latest` : ''
  note(
    `warning: the prompt has ${formatCount(tokens)} tokens, and ${name} was trained on ${trainedContext} at a time: ` +
      `the answer may make no sense${remedy}`,
  )
}

/** A note with the names of options as they are typed. */
export function asFlags(note: Message): string {
  return messageText(note, (option) => `--${typedName(option)}`)
}
