import { z } from 'zod'
import type { Think } from '../../api/chat-options.js'
import type { ChatMessage } from '../../api/text.js'
import { UserError } from '../../ground/errors.js'
import { isObject, parseJson } from '../../ground/json/json.js'
import type { KeptNulls } from '../http/body.js'
import {
  anyObject,
  firstWrong,
  flag,
  instead,
  isText,
  isTokenId,
  mustBe,
  only,
  option,
  text,
  unused,
  unusedFields,
  wholeFrom,
} from './field-types.js'
import { messagesOf } from './messages.js'
import { samplingFields } from './sampling-fields.js'

/*
 * Fields of chat completions and completions; other APIs have many of them. Unknown fields are refused by name. Null fields
 * are removed before a body is checked. Lists are checked up to the first wrong element, since a body may have very many.
 */

/** Most characters of a mask, enough for every second of 512 experts in each of 60 layers. */
const MASK_CHARACTERS = 2 ** 17

/** Experts in the form LAYER:KIND:IDS; checked against the model later. */
const mask = z
  .custom<string[]>(
    (value) =>
      Array.isArray(value) &&
      value.every(isText) &&
      value.reduce((sum, spec) => sum + spec.length, 0) <= MASK_CHARACTERS,
    mustBe(`a list of texts like "3:mlp:5,7-9", with at most ${MASK_CHARACTERS} characters in all`),
  )
  .optional()

/** Most log-probabilities at a position, in addition to the token's own. */
export const MOST_LIKELIEST = 20

/** Fields of completions and chat completions. */
export const common = {
  model: text.optional(),
  ...samplingFields('openai'),
  n: wholeFrom(1, 128).optional(),
  stream: flag.optional(),
  stream_options: z
    .strictObject({ include_usage: flag.optional(), include_obfuscation: only(false) }, mustBe('an object'))
    .optional(),
  routed_experts: z.union([z.boolean(), z.literal('answer')], mustBe('true, false or "answer"')).optional(),
  return_progress: flag.optional(),
  mask,
  frequency_penalty: only(0),
  presence_penalty: only(0),
  logit_bias: only({}),
  ...unusedFields(text, 'user', 'safety_identifier'),
  metadata: unused(anyObject),
  store: unused(flag),
  ...unusedFields(text, 'service_tier', 'prompt_cache_key', 'prompt_cache_retention'),
}

/** A JSON Schema: an object or a boolean, or its JSON as a text, as some clients send it. */
const schema = z.unknown().transform((value, { issues }): unknown => {
  const wrong = (message: string) => {
    issues.push({ code: 'custom', input: value, message })
    return z.NEVER
  }
  if (value === undefined) return wrong('is missing')
  const parsed = isText(value) ? parsedSchema(value as string) : value
  return isObject(parsed) || typeof parsed === 'boolean' ? parsed : wrong('must be a JSON Schema')
})

function parsedSchema(json: string): unknown {
  try {
    return parseJson(Buffer.from(json), 'the schema')
  } catch (error) {
    if (error instanceof UserError) return undefined
    throw error
  }
}

const choice = z
  .custom<string[]>(
    (value) => Array.isArray(value) && value.length > 0 && value.every((one) => isText(one) && one !== ''),
    mustBe('a list of texts, none of them empty'),
  )
  .optional()

const responseFormat = z.discriminatedUnion(
  'type',
  [
    z.strictObject({ type: z.literal('text') }),
    // With a schema it is Together's and llama.cpp's form of json_schema.
    z.strictObject({ type: z.literal('json_object'), schema: schema.optional() }),
    z.strictObject({
      type: z.literal('json_schema'),
      json_schema: z.strictObject(
        { name: unused(text), description: unused(text), strict: unused(flag), schema },
        mustBe('an object with a schema'),
      ),
    }),
  ],
  {
    error: ({ code }) => {
      const types = '"text", "json_object" or "json_schema"'
      return code === 'invalid_union' ? `must be ${types}` : `must be an object whose "type" is ${types}`
    },
  },
)

const structuredOutputs = z.strictObject(
  {
    json: schema.optional(),
    json_object: flag.optional(),
    regex: text.optional(),
    grammar: text.optional(),
    choice,
    structural_tag: only(),
    whitespace_pattern: only(),
    disable_any_whitespace: only(false),
    disable_additional_properties: only(false),
    disable_fallback: unused(flag),
  },
  mustBe('an object'),
)

export const formFields = {
  response_format: responseFormat.optional(),
  structured_outputs: structuredOutputs.optional(),
  guided_json: schema.optional(),
  guided_regex: text.optional(),
  guided_grammar: text.optional(),
  guided_choice: choice,
  guided_decoding_backend: unused(text),
  guided_whitespace_pattern: only(),
  json_schema: schema.optional(),
  grammar: text.optional(),
  regex: text.optional(),
}

/** A null in a schema has a meaning. */
export const formNulls: { [field: string]: KeptNulls } = {
  response_format: { schema: 'all', json_schema: { schema: 'all' } },
  structured_outputs: { json: 'all' },
  guided_json: 'all',
  json_schema: 'all',
}

export const toolName = z
  .string(mustBe('a text'))
  .regex(/^[\w.-]{1,128}$/, 'must be 1 to 128 letters, digits, "_", "-" or "."')

/** An object that describes or names a function. */
function functionOf<T extends z.core.$ZodLooseShape>(fields: T) {
  return z.strictObject(
    {
      type: z.literal('function', mustBe('"function"')),
      function: z.strictObject(fields, mustBe('an object with a name')),
    },
    mustBe('an object like {"type": "function", "function": {"name": ...}}'),
  )
}

const tool = functionOf({
  name: toolName,
  description: text.optional(),
  parameters: anyObject.optional(),
  // Arguments always follow the schema.
  strict: unused(flag),
})
const named = functionOf({ name: text })

const allowed = z.strictObject({
  type: z.literal('allowed_tools'),
  allowed_tools: z.strictObject(
    { mode: z.enum(['auto', 'required'], mustBe('"auto" or "required"')), tools: firstWrong(named) },
    mustBe('an object with a mode and tools'),
  ),
})

/** One of three words, or an object that names functions. */
export function choiceOf<T extends z.ZodType>(naming: T) {
  const words = z.enum(['none', 'auto', 'required'])
  return z.union([words, naming], 'must be "none", "auto", "required", or an object that names a function')
}
const toolChoice = choiceOf(z.discriminatedUnion('type', [named, allowed]))

export const toolFields = {
  tools: firstWrong(tool).optional(),
  tool_choice: toolChoice.optional(),
  parallel_tool_calls: flag.optional(),
  functions: instead('tools', []),
  function_call: instead('tool_choice', 'none', 'auto'),
}

export const EFFORTS = {
  none: 'off',
  minimal: 'low',
  low: 'low',
  medium: 'medium',
  high: 'high',
  xhigh: 'high',
  max: 'high',
} as const satisfies Record<string, Think>

const efforts = Object.keys(EFFORTS) as (keyof typeof EFFORTS)[]

/** Most tokens of thinking; -1 is no limit, as in llama.cpp. */
const budget = z
  .custom<number>(
    (value) => Number.isInteger(value) && (value as number) >= -1,
    mustBe('a whole number from 0 on, or -1'),
  )
  .transform((tokens) => (tokens === -1 ? undefined : tokens))
  .optional()

export const thinkingFields = {
  reasoning_effort: z.enum(efforts, mustBe(`one of ${efforts.join(', ')}`)).optional(),
  enable_thinking: flag.optional(),
  chat_template_kwargs: anyObject.optional(),
  thinking_budget: budget,
  thinking_token_budget: budget,
  thinking_budget_tokens: budget,
  reasoning_budget_tokens: budget,
  include_reasoning: only(true),
  reasoning_format: only('auto', 'deepseek'),
  reasoning: instead('reasoning_effort'),
  thinking: instead('reasoning_effort'),
}

/** Messages, read as everywhere in molm; the first wrong field becomes the issue. */
const messages = z.unknown().transform((list, { issues }) => messagesOf(list, issues))

export const chatBody = z.strictObject({
  ...common,
  ...formFields,
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
  ...formNulls,
  tools: { each: { function: { parameters: 'all' } } },
  chat_template_kwargs: 'all',
  messages: { each: { tool_calls: { each: { function: { arguments: 'all' } } } } },
}

/** Texts or lists of token ids, one or several; the first element decides which. */
function isPrompt(value: unknown): value is string | string[] | number[] | number[][] {
  if (!Array.isArray(value)) return isText(value)
  if (isText(value[0])) return value.every(isText)
  if (Array.isArray(value[0])) return value.every((ids) => Array.isArray(ids) && ids.every(isTokenId))
  return value.every(isTokenId)
}

export const completionBody = z.strictObject({
  ...common,
  ...formFields,
  prompt: z.custom<string | string[] | number[] | number[][]>(
    isPrompt,
    mustBe('a text, a list of texts, a list of token ids or a list of such lists'),
  ),
  echo: flag.optional(),
  logprobs: wholeFrom(0, MOST_LIKELIEST).optional(),
  suffix: text.optional(),
  best_of: only(1),
})
type Fields = z.output<typeof completionBody>
/** The fields that endpoints of other APIs translate theirs to. */
export type CompletionBody = Partial<Fields> & Pick<Fields, 'prompt'>
