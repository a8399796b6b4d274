import { z } from 'zod'
import { isObject } from '../../../ground/json/json.js'
import type { KeptNulls } from '../../http/body.js'
import { flag, isText, mustBe, only, text, unused, unusedFields, wholeFrom } from '../field-types.js'
import { type ChatBody, MOST_LIKELIEST } from '../fields.js'
import { asOpenai, renamedFields, samplingFields } from '../sampling-fields.js'

/** Fields that both endpoints of ollama's API take, and their meaning in the fields of chat completions. */

const number = z.number(mustBe('a number'))

/** Options of generation. Those about loading a model change nothing here, and others may only have the neutral value. */
const others = {
  num_ctx: wholeFrom(1, Number.MAX_SAFE_INTEGER).optional(),
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
export const ollamaOptions = z.strictObject({ ...others, ...samplingFields('ollama') }, mustBe('an object'))

/** Levels of thinking that are efforts of chat completions, too. */
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

export const ollamaFields = {
  model: text.optional(),
  stream: flag.optional(),
  options: ollamaOptions.optional(),
  format: format.optional(),
  think: think.optional(),
  // Seconds, or a text such as "5m".
  keep_alive: z
    .custom<number | string>((value) => isText(value) || Number.isFinite(value), mustBe('a number or a text'))
    .optional(),
  logprobs: flag.optional(),
  top_logprobs: wholeFrom(0, MOST_LIKELIEST).optional(),
  truncate: only(false),
  shift: only(false),
}

type OllamaFields = { [K in keyof typeof ollamaFields]?: z.output<(typeof ollamaFields)[K]> }

export const ollamaNulls: { [field: string]: KeptNulls } = { format: 'all' }

/** The same request in fields of chat completions, without its messages. */
export function sharedFields(body: OllamaFields): Omit<ChatBody, 'messages'> {
  const { format, think, logprobs, top_logprobs } = body
  return {
    ...asOpenai('ollama', body.options ?? {}),
    ...{ logprobs, top_logprobs },
    ...(format === 'json' && { response_format: { type: 'json_object' as const } }),
    ...(isObject(format) && { json_schema: format }),
    ...(typeof think === 'boolean' && { enable_thinking: think }),
    ...(typeof think === 'string' && { reasoning_effort: think }),
    stream: body.stream ?? true,
  }
}

const NAMES: Record<string, string> = {
  ...Object.fromEntries(renamedFields('ollama').map(([field, own]) => [field, `options.${own}`])),
  max_completion_tokens: 'options.num_predict',
  response_format: 'format',
  json_schema: 'format',
  enable_thinking: 'think',
  reasoning_effort: 'think',
}

/** The name here of a field of chat completions. */
export function ollamaName(name: string): string {
  return Object.hasOwn(NAMES, name) ? NAMES[name] : name
}
