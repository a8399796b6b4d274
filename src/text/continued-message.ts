import type { TemplateMessage } from '../api/text.js'
import { UsageError } from '../errors.js'

/** Stands where the last message ends, with a blank after it that shows whether the template trims messages. */
const MARK = 'END_OF_THE_CONTINUED_MESSAGE'

/** The messages with a mark at the end of the last one. Throws a UsageError where that is no text. */
export function markEnd(messages: readonly TemplateMessage[]): TemplateMessage[] {
  const last = messages.at(-1)
  if (typeof last?.content !== 'string')
    throw new UsageError('only a text can be continued, and the last message is none')
  return [...messages.slice(0, -1), { ...last, content: `${last.content}${MARK} ` }]
}

/**
 * What is written up to the mark; without blanks at its end where the template trims messages. Throws an Error where the
 * template has left the message out.
 */
export function upToMark(text: string): string {
  const at = text.lastIndexOf(MARK)
  if (at < 0) throw new Error('it leaves out the last message')
  const isTrimmed = text[at + MARK.length] !== ' '
  return isTrimmed ? text.slice(0, at).trimEnd() : text.slice(0, at)
}
