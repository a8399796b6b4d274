import { z } from 'zod'
import { isObject } from '../../../json.js'
import type { KeptNulls } from '../../http/body.js'
import { flag, isText, mustBe, only, option, text, unused, wholeFrom } from '../field-types.js'
import { type ChatBody, common, MOST_LIKELIEST } from '../fields.js'

/** Fields that both endpoints of ollama's API take, and their meaning in the fields of chat completions. */

const number = z.number(mustBe('a number'))

/** Options of generation. Those about loading a model change nothing here, and others may only have the neutral value. */
export const ollamaOptions = z.strictObject(
  {
    // -1 and -2 are no limit.
    num_predict: wholeFrom(-2, Number.MAX_SAFE_INTEGER).optional(),
    num_ctx: wholeFrom(1, Number.MAX_SAFE_INTEGER).optional(),
    temperature: option('temperature'),
    top_p: option('topP'),
    // -1 is no limit, as 0 is.
    top_k: wholeFrom(-1, Number.MAX_SAFE_INTEGER).optional(),
    min_p: option('minP'),
    repeat_penalty: option('repeatPenalty'),
    // -1 is the default.
    draft_num_predict: wholeFrom(-1, Number.MAX_SAFE_INTEGER).optional(),
    seed: common.seed,
    stop: common.stop,
    frequency_penalty: only(0),
    presence_penalty: only(0),
    mirostat: only(0),
    tfs_z: only(1),
    typical_p: only(1),
    repeat_last_n: unused(number),
    mirostat_eta: unused(number),
    mirostat_tau: unused(number),
    penalize_newline: unused(flag),
    num_keep: unused(number),
    num_batch: unused(number),
    num_gpu: unused(number),
    main_gpu: unused(number),
    num_thread: unused(number),
    numa: unused(flag),
    low_vram: unused(flag),
    f16_kv: unused(flag),
    logits_all: unused(flag),
    vocab_only: unused(flag),
    use_mmap: unused(flag),
    use_mlock: unused(flag),
    embedding_only: unused(flag),
  },
  mustBe('an object'),
)

type Options = Partial<z.output<typeof ollamaOptions>>

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

/** A null in a schema has a meaning. */
export const ollamaNulls: { [field: string]: KeptNulls } = { format: 'all' }

/** The same request in fields of chat completions, without its messages. */
export function sharedFields(body: OllamaFields): Omit<ChatBody, 'messages'> {
  const { format, think, logprobs, top_logprobs } = body
  const {
    num_predict = -1,
    top_k,
    repeat_penalty,
    draft_num_predict = -1,
    temperature,
    top_p,
    min_p,
    seed,
    stop,
  } = body.options ?? ({} as Options)
  return {
    ...{ temperature, top_p, min_p, seed, stop, logprobs, top_logprobs },
    top_k: top_k === -1 ? 0 : top_k,
    repetition_penalty: repeat_penalty,
    ...(num_predict >= 0 && { max_tokens: num_predict }),
    ...(draft_num_predict >= 0 && { prompt_lookup_num_tokens: draft_num_predict }),
    ...(format === 'json' && { response_format: { type: 'json_object' as const } }),
    ...(isObject(format) && { json_schema: format }),
    ...(typeof think === 'boolean' && { enable_thinking: think }),
    ...(typeof think === 'string' && { reasoning_effort: think }),
    stream: body.stream ?? true,
  }
}

const NAMES: Record<string, string> = {
  max_tokens: 'options.num_predict',
  max_completion_tokens: 'options.num_predict',
  temperature: 'options.temperature',
  top_p: 'options.top_p',
  top_k: 'options.top_k',
  min_p: 'options.min_p',
  repetition_penalty: 'options.repeat_penalty',
  prompt_lookup_num_tokens: 'options.draft_num_predict',
  seed: 'options.seed',
  stop: 'options.stop',
  response_format: 'format',
  json_schema: 'format',
  enable_thinking: 'think',
  reasoning_effort: 'think',
}

/** The name here of a field of chat completions. */
export function ollamaName(name: string): string {
  return Object.hasOwn(NAMES, name) ? NAMES[name] : name
}
