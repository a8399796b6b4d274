import { isDeepStrictEqual } from 'node:util'
import { z } from 'zod'
import type { ChatMessage } from '../../api/text.js'
import { GENERATION_OPTIONS, type GenerationSettings, type OptionName } from '../../generation-options.js'
import { isObject } from '../../json.js'
import { readMessages, WrongMessages } from '../../text/read-messages.js'

/*
 * Schemas of bodies. Unknown fields are refused by name. A field for something that molm does not do may only have the value
 * that changes nothing. Null fields are removed before a body is checked. Lists are checked up to the first wrong element,
 * since a body may have very many.
 */

const mustBe = (what: string) => ({
  error: ({ input }: { input?: unknown }) => (input === undefined ? 'is missing' : `must be ${what}`),
})

const text = z.string(mustBe('a text'))
const flag = z.boolean(mustBe('true or false'))
const anyObject = z.custom<object>(isObject, mustBe('an object'))
const wholeFrom = (least: number, most: number) =>
  z.custom<number>(
    (value) => Number.isInteger(value) && (value as number) >= least && (value as number) <= most,
    mustBe(`a whole number from ${least} to ${most}`),
  )

const isText = (value: unknown) => typeof value === 'string'
const isTokenId = (value: unknown): value is number => Number.isInteger(value) && (value as number) >= 0

/** Unlike `prompt`, names the wrong element. */
const tokenIds = z.unknown().transform((list, { issues }): number[] => {
  const wrong = (message: string, ...path: number[]) => {
    issues.push({ code: 'custom', input: list, message, path })
    return z.NEVER
  }
  if (list === undefined) return wrong('is missing')
  if (!Array.isArray(list)) return wrong('must be a list of token ids')
  const at = list.findIndex((id) => !isTokenId(id))
  return at < 0 ? list : wrong('must be a token id', at)
})

/** An option of the library, with its range. */
function option<K extends OptionName>(name: K) {
  const { includes, mustBe: range } = GENERATION_OPTIONS[name]
  return z.custom<GenerationSettings[K]>((value) => includes(value), mustBe(range)).optional()
}

/** An unsupported field, with the values that change nothing. */
function only(...values: unknown[]) {
  const given = values.map((value) => JSON.stringify(value)).join(' or ')
  return z
    .custom<unknown>((value) => values.some((neutral) => isDeepStrictEqual(value, neutral)), {
      error: `is not supported; leave it out, or send ${given}`,
    })
    .optional()
}

/** A label or hint that changes no answer here: checked, then dropped. */
const unused = <T extends z.ZodType>(field: T) => field.optional().transform(() => undefined)

/** One text or a list. */
const stop = z
  .custom<string | string[]>(
    (value) => isText(value) || (Array.isArray(value) && value.every(isText)),
    mustBe('a text or a list of texts'),
  )
  .transform((value) => [value].flat())
  .refine((texts) => GENERATION_OPTIONS.stop.includes(texts), `must be ${GENERATION_OPTIONS.stop.mustBe}`)
  .optional()

/** The API's seeds have 64 bits, the library's are below 2^53. A seed in both ranges stays the same. */
const seed = z
  .custom<number>(
    (value) => Number.isInteger(value) && Math.abs(value as number) <= 2 ** 63,
    mustBe('a whole number of at most 64 bits'),
  )
  .transform((value) => Number(BigInt.asUintN(53, BigInt(value))))
  .optional()

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

const common = {
  model: text.optional(),
  temperature: option('temperature'),
  top_p: option('topP'),
  top_k: option('topK'),
  min_p: option('minP'),
  repetition_penalty: option('repeatPenalty'),
  seed,
  max_tokens: option('maxTokens'),
  ignore_eos: option('ignoreEos'),
  stop,
  n: wholeFrom(1, 128).optional(),
  stream: flag.optional(),
  stream_options: z
    .strictObject({ include_usage: flag.optional(), include_obfuscation: only(false) }, mustBe('an object'))
    .optional(),
  routed_experts: flag.optional(),
  mask,
  frequency_penalty: only(0),
  presence_penalty: only(0),
  logit_bias: only({}),
  user: unused(text),
  safety_identifier: unused(text),
  metadata: unused(anyObject),
  store: unused(flag),
  service_tier: unused(text),
  prompt_cache_key: unused(text),
  prompt_cache_retention: unused(text),
}

/** Texts or lists of token ids, one or several; the first element decides which. */
function isPrompt(value: unknown): value is string | string[] | number[] | number[][] {
  if (!Array.isArray(value)) return isText(value)
  if (isText(value[0])) return value.every(isText)
  if (Array.isArray(value[0])) return value.every((ids) => Array.isArray(ids) && ids.every(isTokenId))
  return value.every(isTokenId)
}

const MOST_LIKELIEST = 20

export const completionBody = z.strictObject({
  ...common,
  prompt: z.custom<string | string[] | number[] | number[][]>(
    isPrompt,
    mustBe('a text, a list of texts, a list of token ids or a list of such lists'),
  ),
  echo: flag.optional(),
  logprobs: wholeFrom(0, MOST_LIKELIEST).optional(),
  suffix: only(''),
  best_of: only(1),
})
export type CompletionBody = z.output<typeof completionBody>

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
  messages,
  max_completion_tokens: option('maxTokens'),
  logprobs: flag.optional(),
  top_logprobs: wholeFrom(0, MOST_LIKELIEST).optional(),
  tools: only([]),
  tool_choice: only('none', 'auto'),
  functions: only([]),
  function_call: only('none', 'auto'),
  response_format: only({ type: 'text' }),
  modalities: only(['text']),
  parallel_tool_calls: unused(flag),
  reasoning_effort: unused(text),
  verbosity: unused(text),
  prediction: unused(anyObject),
})
export type ChatBody = z.output<typeof chatBody>

export const tokenizeBody = z.strictObject({
  model: text.optional(),
  prompt: text,
  add_special_tokens: flag.optional(),
  return_token_strs: flag.optional(),
})

/** Longest name of a mark, in characters. */
const MARK_NAME = 64

export const markBody = z.strictObject({
  name: z.custom<string>(
    (value) => isText(value) && (value as string).length >= 1 && (value as string).length <= MARK_NAME,
    mustBe(`a text of 1 to ${MARK_NAME} characters`),
  ),
})

export const detokenizeBody = z.strictObject({ model: text.optional(), tokens: tokenIds })
