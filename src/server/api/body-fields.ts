import { isDeepStrictEqual } from 'node:util'
import { z } from 'zod'
import { GENERATION_OPTIONS, type GenerationSettings, type OptionName } from '../../generation-options.js'
import { isObject } from '../../json.js'

/*
 * Fields of bodies. Unknown fields are refused by name. A field for something that molm does not do may only have the value
 * that changes nothing. Null fields are removed before a body is checked. Lists are checked up to the first wrong element,
 * since a body may have very many.
 */

export const mustBe = (what: string) => ({
  error: ({ input }: { input?: unknown }) => (input === undefined ? 'is missing' : `must be ${what}`),
})

export const isText = (value: unknown) => typeof value === 'string'
export const isTokenId = (value: unknown): value is number => Number.isInteger(value) && (value as number) >= 0

export const text = z.string(mustBe('a text'))
export const flag = z.boolean(mustBe('true or false'))
export const anyObject = z.custom<Record<string, unknown>>(isObject, mustBe('an object'))
export const wholeFrom = (least: number, most: number) =>
  z.custom<number>(
    (value) => Number.isInteger(value) && (value as number) >= least && (value as number) <= most,
    mustBe(`a whole number from ${least} to ${most}`),
  )

/** An option of the library, with its range. */
export function option<K extends OptionName>(name: K) {
  const { includes, mustBe: range } = GENERATION_OPTIONS[name]
  return z.custom<GenerationSettings[K]>((value) => includes(value), mustBe(range)).optional()
}

/** An unsupported field, with the values that change nothing. */
export function only(...values: unknown[]) {
  const given = values.map((value) => JSON.stringify(value)).join(' or ')
  return neutral(values, `is not supported; leave it out${given === '' ? '' : `, or send ${given}`}`)
}

/** An unsupported field, with the field to use instead and the values that change nothing. */
export function instead(field: string, ...values: unknown[]) {
  return neutral(values, `is not supported; use "${field}"`)
}

function neutral(values: unknown[], error: string) {
  return z.custom<unknown>((value) => values.some((one) => isDeepStrictEqual(value, one)), { error }).optional()
}

/** A label or hint that changes no answer here: checked, then dropped. */
export const unused = <T extends z.ZodType>(field: T) => field.optional().transform(() => undefined)

/** A list, checked up to the first wrong element. */
export function firstWrong<T>(element: z.ZodType<T>) {
  return z.unknown().transform((list, { issues }): T[] => {
    if (!Array.isArray(list)) {
      issues.push({ code: 'custom', input: list, message: list === undefined ? 'is missing' : 'must be a list' })
      return z.NEVER
    }
    const elements: T[] = []
    for (const [i, value] of list.entries()) {
      const { success, data, error } = element.safeParse(value)
      if (!success) {
        const [{ path, ...issue }] = error.issues
        issues.push({ ...issue, input: value, path: [i, ...path] } as z.core.$ZodRawIssue)
        return z.NEVER
      }
      elements.push(data)
    }
    return elements
  })
}

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

/** Most log-probabilities at a position, in addition to the token's own. */
export const MOST_LIKELIEST = 20

/** Fields of completions and chat completions. */
export const common = {
  model: text.optional(),
  temperature: option('temperature'),
  top_p: option('topP'),
  top_k: option('topK'),
  min_p: option('minP'),
  repetition_penalty: option('repeatPenalty'),
  seed,
  max_tokens: option('maxTokens'),
  ignore_eos: option('ignoreEos'),
  prompt_lookup_num_tokens: option('promptLookupNumTokens'),
  stop,
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
  user: unused(text),
  safety_identifier: unused(text),
  metadata: unused(anyObject),
  store: unused(flag),
  service_tier: unused(text),
  prompt_cache_key: unused(text),
  prompt_cache_retention: unused(text),
}
