import { z } from 'zod'
import type { ChatMessage } from '../../api/text.js'
import { UNKNOWN } from '../../json/reader.js'
import { isObject } from '../../json.js'
import { readMessages, WrongMessages } from '../../text/read-messages.js'
import type { KeptNulls } from '../http/without-nulls.js'
import { anyObject, common, flag, MOST_LIKELIEST, only, option, text, unused, wholeFrom } from './body-fields.js'
import { constraintFields, constraintNulls } from './constraint-fields.js'
import { thinkingFields } from './thinking-fields.js'
import { toolFields } from './tool-fields.js'

/** Most characters of the arguments of all calls: parsed values take far more memory than their text. */
export const MOST_ARGUMENTS = 2 ** 19
export const TOO_LONG_ARGUMENTS = `have calls with more than ${MOST_ARGUMENTS} characters of arguments`

/** Messages, read as everywhere in molm; the first wrong field becomes the issue. */
const messages = z.unknown().transform((list, { issues }) => messagesOf(list, issues))

/** Reads messages. A wrong field becomes an issue, and then there are no messages. */
export function messagesOf(list: unknown, issues: z.core.$ZodRawIssue[]): ChatMessage[] {
  if (argumentLength(list) > MOST_ARGUMENTS) {
    issues.push({ code: 'custom', input: list, message: TOO_LONG_ARGUMENTS })
    return z.NEVER
  }
  try {
    return readMessages(list)
  } catch (error) {
    if (!(error instanceof WrongMessages)) throw error
    issues.push(issueOf(error, list))
    return z.NEVER
  }
}

/** Characters of the arguments of all calls, before anything is checked. */
function argumentLength(list: unknown): number {
  let length = 0
  for (const message of listOf(list)) {
    for (const call of listOf(isObject(message) && message.tool_calls)) {
      const called = isObject(call) && call.function
      if (isObject(called) && typeof called.arguments === 'string') length += called.arguments.length
    }
  }
  return length
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}

function issueOf({ path, why }: WrongMessages, input: unknown): z.core.$ZodRawIssue {
  if (why !== UNKNOWN) return { code: 'custom', input, message: why, path: [...path] }
  return { code: 'unrecognized_keys', input: {}, keys: [String(path.at(-1))], path: path.slice(0, -1) }
}

export const chatBody = z.strictObject({
  ...common,
  ...constraintFields,
  ...toolFields,
  ...thinkingFields,
  messages,
  max_completion_tokens: option('maxTokens'),
  logprobs: flag.optional(),
  top_logprobs: wholeFrom(0, MOST_LIKELIEST).optional(),
  modalities: only(['text']),
  verbosity: unused(text),
  prediction: unused(anyObject),
})
/** The fields that endpoints of other APIs translate theirs to. */
export type ChatBody = Partial<z.output<typeof chatBody>> & { messages: ChatMessage[] }

/** Schemas, variables of the template, and arguments of calls keep their nulls. */
export const chatNulls: { [field: string]: KeptNulls } = {
  ...constraintNulls,
  tools: { each: { function: { parameters: 'all' } } },
  chat_template_kwargs: 'all',
  messages: { each: { tool_calls: { each: { function: { arguments: 'all' } } } } },
}
