import { z } from 'zod'
import type { KeptNulls } from '../../http/body.js'
import { anyObject, firstWrong, flag, isText, mustBe, only, text, unused, wholeFrom } from '../field-types.js'
import { type ChatBody, choiceOf, common, MOST_LIKELIEST, thinkingFields, toolFields, toolName } from '../fields.js'
import { asOpenai, renamedFields, samplingFields } from '../sampling-fields.js'
import { inputField } from './input-items.js'

/** A function in the flat form of responses. */
const tool = z.strictObject(
  {
    type: z.literal('function', mustBe('"function"; the server runs no tools of its own')),
    name: toolName,
    description: text.optional(),
    parameters: anyObject.optional(),
    // Arguments always follow the schema.
    strict: unused(flag),
  },
  mustBe('an object like {"type": "function", "name": ...}'),
)

const named = z.strictObject(
  { type: z.literal('function', mustBe('"function"')), name: text },
  mustBe('an object like {"type": "function", "name": ...}'),
)
const allowed = z.strictObject({
  type: z.literal('allowed_tools'),
  mode: z.enum(['auto', 'required'], mustBe('"auto" or "required"')),
  tools: firstWrong(named),
})
const toolChoice = choiceOf(z.discriminatedUnion('type', [named, allowed]))

const format = z.discriminatedUnion(
  'type',
  [
    z.strictObject({ type: z.literal('text') }),
    z.strictObject({ type: z.literal('json_object') }),
    z.strictObject({
      type: z.literal('json_schema'),
      name: text.optional(),
      description: unused(text),
      strict: unused(flag),
      schema: anyObject,
    }),
  ],
  mustBe('an object whose "type" is "text", "json_object" or "json_schema"'),
)

/** A field that refers to something stored. */
const stored = z
  .custom<undefined>(() => false, {
    error: 'is not supported: nothing is stored; send the whole conversation in "input"',
  })
  .optional()

/** Asks for the log-probabilities of the answer's tokens. */
const LOGPROBS = 'message.output_text.logprobs'

/** Fields that mean the same here, or change no answer. */
const { model, stream, mask, user, safety_identifier, metadata, store, service_tier } = common
const { prompt_cache_key, prompt_cache_retention } = common

export const responsesBody = z.strictObject({
  model,
  input: inputField,
  instructions: text.optional(),
  ...samplingFields('responses'),
  ...{ mask, user, safety_identifier, metadata, store, service_tier, prompt_cache_key, prompt_cache_retention },
  stream,
  stream_options: z.strictObject({ include_obfuscation: only(false) }, mustBe('an object')).optional(),
  tools: firstWrong(tool).optional(),
  tool_choice: toolChoice.optional(),
  parallel_tool_calls: toolFields.parallel_tool_calls,
  text: z.strictObject({ format: format.optional(), verbosity: unused(text) }, mustBe('an object')).optional(),
  reasoning: z
    .strictObject(
      { effort: thinkingFields.reasoning_effort, summary: unused(text), generate_summary: unused(text) },
      mustBe('an object'),
    )
    .optional(),
  thinking_budget: thinkingFields.thinking_budget,
  include: z
    .custom<string[]>((list) => Array.isArray(list) && list.every(isText), mustBe('a list of texts'))
    .optional(),
  top_logprobs: wholeFrom(0, MOST_LIKELIEST).optional(),
  previous_response_id: stored,
  conversation: stored,
  prompt: stored,
  background: only(false),
  truncation: only('disabled'),
  context_management: only([]),
  max_tool_calls: unused(wholeFrom(1, Number.MAX_SAFE_INTEGER)),
  prompt_cache_options: unused(anyObject),
})
export type ResponsesBody = z.output<typeof responsesBody>

export const responsesNulls: { [field: string]: KeptNulls } = {
  tools: { each: { parameters: 'all' } },
  text: { format: { schema: 'all' } },
}

/** The same request in fields of chat completions. */
export function chatOf(body: ResponsesBody): ChatBody {
  const { input, instructions = '', tools, tool_choice: choice, text: { format } = {}, reasoning } = body
  const { mask, top_logprobs } = body
  const logprobs = body.include?.includes(LOGPROBS) || (top_logprobs ?? 0) > 0
  return {
    ...asOpenai('responses', body),
    ...{ mask, top_logprobs, logprobs },
    messages: withInstructions(input, instructions),
    tools: tools?.map(({ type, ...called }) => ({ type, function: called })),
    tool_choice: choice && nestedChoice(choice),
    parallel_tool_calls: body.parallel_tool_calls,
    reasoning_effort: reasoning?.effort,
    thinking_budget: body.thinking_budget,
    ...(format && { response_format: format.type === 'json_schema' ? schemaOf(format.schema) : format }),
  }
}

/** Instructions come before the conversation; many templates know only one system text. */
function withInstructions(messages: ChatBody['messages'], instructions: string): ChatBody['messages'] {
  if (instructions === '') return messages
  const [first, ...others] = messages
  if (first.role !== 'system') return [{ role: 'system', content: instructions }, ...messages]
  return [{ role: 'system', content: `${instructions}\n\n${first.content}` }, ...others]
}

function nestedChoice(choice: z.output<typeof toolChoice>): ChatBody['tool_choice'] {
  if (typeof choice === 'string') return choice
  const nested = ({ type, name }: z.output<typeof named>) => ({ type, function: { name } })
  if (choice.type === 'function') return nested(choice)
  const { type, mode, tools } = choice
  return { type, allowed_tools: { mode, tools: tools.map(nested) } }
}

function schemaOf(schema: Record<string, unknown>): ChatBody['response_format'] {
  const labels = { name: undefined, description: undefined, strict: undefined }
  return { type: 'json_schema', json_schema: { ...labels, schema } }
}

const NAMES: Record<string, string> = {
  messages: 'input',
  ...Object.fromEntries(renamedFields('responses')),
  max_completion_tokens: 'max_output_tokens',
  reasoning_effort: 'reasoning.effort',
  response_format: 'text.format',
  'response_format.json_schema.schema': 'text.format.schema',
}

/** The name here of a field of chat completions. */
export function responsesName(name: string): string {
  return Object.hasOwn(NAMES, name) ? NAMES[name] : name.replace(/^(tools\[\d+\])\.function\./, '$1.')
}
