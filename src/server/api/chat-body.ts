import { z } from 'zod'
import type { ChatMessage } from '../../api/text.js'
import { readMessages, WrongMessages } from '../../text/read-messages.js'
import type { KeptNulls } from '../http/without-nulls.js'
import { anyObject, common, flag, MOST_LIKELIEST, only, option, text, unused, wholeFrom } from './body-fields.js'
import { constraintFields, constraintNulls } from './constraint-fields.js'
import { thinkingFields } from './thinking-fields.js'
import { toolFields } from './tool-fields.js'

/** Messages, read as everywhere in molm; the first wrong field becomes the issue. */
const messages = z.unknown().transform((list, { issues }): ChatMessage[] => {
  try {
    return readMessages(list)
  } catch (error) {
    if (!(error instanceof WrongMessages)) throw error
    issues.push(issueOf(error, list))
    return z.NEVER
  }
})

function issueOf({ path, why, isUnknown }: WrongMessages, input: unknown): z.core.$ZodRawIssue {
  if (!isUnknown) return { code: 'custom', input, message: why, path: [...path] }
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
export type ChatBody = z.output<typeof chatBody>

/** Schemas, variables of the template, and arguments of calls keep their nulls. */
export const chatNulls: KeptNulls = {
  ...constraintNulls,
  tools: { each: { function: { parameters: 'all' } } },
  chat_template_kwargs: 'all',
  messages: { each: { tool_calls: { each: { function: { arguments: 'all' } } } } },
}
