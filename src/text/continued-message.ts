import type { TemplateMessage } from '../api/text.js'
import { UsageError } from '../errors.js'

/** Marks the end of the last message. The blank behind it shows whether the template trims messages. */
const MARK = 'END_OF_THE_CONTINUED_MESSAGE'

/** Adds a mark to the end of the last message. Throws a UsageError if that message is not a text. */
export function markEnd(messages: readonly TemplateMessage[]): TemplateMessage[] {
  const last = messages.at(-1)
  if (typeof last?.content !== 'string')
    throw new UsageError('only a text can be continued, and the last message is not a text')
  return [...messages.slice(0, -1), { ...last, content: `${last.content}${MARK} ` }]
}

/**
 * The rendered text up to the mark, without trailing blanks if the template trims messages. Throws an Error if the
 * template has left the message out.
 */
export function upToMark(text: string): string {
  const at = text.lastIndexOf(MARK)
  if (at < 0) throw new Error('it leaves out the last message')
  const isTrimmed = text[at + MARK.length] !== ' '
  return isTrimmed ? text.slice(0, at).trimEnd() : text.slice(0, at)
}
