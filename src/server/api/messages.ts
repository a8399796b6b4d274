import { z } from 'zod'
import type { ChatMessage } from '../../api/text.js'
import { isObject } from '../../ground/json/json.js'
import { UNKNOWN } from '../../ground/json/reader.js'
import { type Dialect, readMessages, WrongMessages } from '../../text/read-messages.js'
import type { KeptNulls } from '../http/body.js'

/** Most characters of the arguments of all calls: parsed values take far more memory than their text. */
export const MOST_ARGUMENTS = 2 ** 19
export const TOO_LONG_ARGUMENTS = `have calls with more than ${MOST_ARGUMENTS} characters of arguments`

/** Messages in the form of OpenAI's chats, read as everywhere in molm; the first wrong field becomes the issue. */
export const messages = z.unknown().transform((list, { issues }) => messagesOf(list, issues))

/** Arguments of calls keep their nulls. */
export const messageNulls: KeptNulls = { each: { tool_calls: { each: { function: { arguments: 'all' } } } } }

/** Reads messages of an API. A wrong field becomes an issue, and then there are no messages. */
export function messagesOf(input: unknown, issues: z.core.$ZodRawIssue[], dialect?: Dialect): ChatMessage[] {
  try {
    if (argumentLength(input) <= MOST_ARGUMENTS) return readMessages(input, dialect)
    issues.push({ code: 'custom', input, message: TOO_LONG_ARGUMENTS })
  } catch (error) {
    if (!(error instanceof WrongMessages)) throw error
    const { path, why } = error
    if (why !== UNKNOWN) issues.push({ code: 'custom', input, message: why, path: [...path] })
    else issues.push({ code: 'unrecognized_keys', input: {}, keys: [String(path.at(-1))], path: path.slice(0, -1) })
  }
  return z.NEVER
}

/** Characters of the arguments of all calls, before anything is checked. */
function argumentLength(list: unknown): number {
  const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : [])
  let length = 0
  for (const message of listOf(list)) {
    for (const call of listOf(isObject(message) && message.tool_calls)) {
      const called = isObject(call) && call.function
      if (isObject(called) && typeof called.arguments === 'string') length += called.arguments.length
    }
  }
  return length
}
