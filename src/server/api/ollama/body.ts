import * as z from 'zod'
import { OPTION_NAMES } from '../../../api/generation-options.js'
import { isObject } from '../../../ground/json/json.js'
import { type FieldNames, fieldNames, refusedParam } from '../../common/api-error.js'
import type { Limits } from '../../common/limits.js'
import type { KeptNulls } from '../../http/body.js'
import { functions, messageNulls, toolsOf } from '../conversation.js'
import {
  flag,
  ignored,
  isText,
  likeliest,
  mustBe,
  only,
  samplingFields,
  text,
  thinkOf,
  unused,
  unusedFields,
  wholeFrom,
} from '../fields.js'
import type { ChatRequest, CompletionRequest } from '../request.js'
import { ollamaMessages } from './messages.js'

/* The bodies of ollama's API, and the requests that they mean. */

/** Names of the fields; options have no `options.` before theirs. */
export const optionNames = fieldNames({
  maxTokens: 'num_predict',
  promptLookupNumTokens: 'draft_num_predict',
  think: 'think',
  thinkBudget: 'think',
  schema: 'format',
  grammar: 'format',
  regex: 'format',
  toolChoice: 'tools',
  parallelToolCalls: 'tools',
})
const MOST = Number.MAX_SAFE_INTEGER

const sampling = samplingFields(optionNames, {
  omitted: ['ignoreEos'],
  // Numbers below 0 are no limit, or the default.
  forms: {
    maxTokens: wholeFrom(-2, MOST).transform((n) => (n < 0 ? undefined : n)),
    topK: wholeFrom(-1, MOST).transform((k) => Math.max(0, k)),
    promptLookupNumTokens: wholeFrom(-1, MOST).transform((n) => (n < 0 ? undefined : n)),
  },
})

const optionPaths = OPTION_NAMES.map((name) => [name, `options.${optionNames[name]}`])

export const names: FieldNames = {
  ...optionNames,
  ...Object.fromEntries(optionPaths),
  context: 'options.num_ctx',
  logprobs: 'logprobs',
}

const number = z.number(mustBe('a number'))

/** Options of generation. Those about loading a model change nothing here, and others may only have the neutral value. */
const others = {
  num_ctx: wholeFrom(1, MOST).optional(),
  frequency_penalty: only(0),
  presence_penalty: only(0),
  mirostat: only(0),
  tfs_z: only(1),
  typical_p: only(1),
  ...unusedFields(number, 'repeat_last_n', 'mirostat_eta', 'mirostat_tau'),
  penalize_newline: unused(flag),
  ...unusedFields(number, 'num_keep', 'num_batch', 'num_gpu', 'main_gpu', 'num_thread'),
  ...unusedFields(
    flag,
    'numa',
    'low_vram',
    'f16_kv',
    'logits_all',
    'vocab_only',
    'use_mmap',
    'use_mlock',
    'embedding_only',
  ),
}

/** An option that molm has takes the place of the one that may only be neutral. */
const options = z.strictObject({ ...others, ...sampling.shape }, mustBe('an object'))

/** Levels of thinking. */
const THINK = ['low', 'medium', 'high', 'max'] as const

const think = z.union(
  [z.boolean(), z.enum(THINK)],
  `must be true, false, ${THINK.map((level) => `"${level}"`).join(', ')}`,
)

/** "json", a JSON Schema, or an empty text for none. */
const format = z.custom<'' | 'json' | Record<string, unknown>>(
  (value) => value === '' || value === 'json' || isObject(value),
  mustBe('"json" or a JSON Schema'),
)

const shared = {
  model: text.optional(),
  stream: flag.optional(),
  options: options.optional(),
  format: format.optional(),
  think: think.optional(),
  // Seconds, or a text such as "5m". Only a request without a text asks with it to unload the model.
  keep_alive: ignored(
    z
      .custom<number | string>((value) => isText(value) || Number.isFinite(value), mustBe('a number or a text'))
      .optional(),
  ),
  logprobs: flag.optional(),
  top_logprobs: likeliest,
  truncate: only(false),
  shift: only(false),
}

export const chatBody = z.strictObject({
  ...shared,
  messages: ollamaMessages.optional(),
  tools: functions,
  template: only(''),
})

export const generateBody = z.strictObject({
  ...shared,
  prompt: text.optional(),
  suffix: text.optional(),
  system: text.optional(),
  raw: flag.optional(),
  template: only(''),
  context: only([]),
  images: only([]),
})
export type ChatBody = z.output<typeof chatBody>
export type GenerateBody = z.output<typeof generateBody>

/** Schemas and arguments of calls keep their nulls. */
export const generateNulls: { [field: string]: KeptNulls } = { format: 'all' }
export const chatNulls: { [field: string]: KeptNulls } = {
  ...generateNulls,
  tools: { each: { function: { parameters: 'all' } } },
  messages: messageNulls,
}

export function chatRequest(body: ChatBody, messages: ChatRequest['messages'], limits: Limits): ChatRequest {
  const tools = toolsOf({ tools: body.tools, namePath: 'function.name' }, limits)
  return { ...sharedRequest(body, limits), ...tools, messages }
}

/**
 * The request of a prompt: a text that continues it, or one that fills a gap, or else, with a chat template, an answer.
 * Throws an ApiError if fields contradict each other.
 */
export function generateRequest(
  body: GenerateBody,
  hasTemplate: boolean,
  limits: Limits,
): ChatRequest | CompletionRequest {
  const { prompt = '', suffix = '', system = '', raw = false } = body
  const { think, ...request } = sharedRequest(body, limits)
  if (!raw && suffix === '' && hasTemplate) {
    const question = { role: 'user', content: prompt }
    return { ...request, think, messages: system === '' ? [question] : [{ role: 'system', content: system }, question] }
  }
  if (system === '') return { ...request, prompts: [prompt], suffix }
  const why = raw ? '"raw"' : suffix !== '' ? '"suffix"' : 'a model without a chat template'
  throw refusedParam('system', `"system" has no effect with ${why}; put it into "prompt"`)
}

function sharedRequest(body: ChatBody | GenerateBody, limits: Limits) {
  const { format, think, stream = true, logprobs, top_logprobs: top = 0 } = body
  const schema = format === 'json' ? { type: 'object' } : format
  return {
    options: sampling.of(body.options ?? {}),
    constraint: isObject(schema) ? { param: 'format', schema } : undefined,
    think: typeof think === 'boolean' ? (think ? ('on' as const) : ('off' as const)) : think && thinkOf(think),
    isStream: stream,
    room: body.options?.num_ctx ?? limits.contextTokens,
    report: { logprobs: logprobs ? top : undefined },
  }
}
