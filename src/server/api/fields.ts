import * as z from 'zod'
import type { Think } from '../../api/chat-options.js'
import type { GenerateOptions } from '../../api/generation.js'
import {
  GENERATION_OPTIONS,
  type GenerationSettings,
  OPTION_NAMES,
  type OptionName,
} from '../../api/generation-options.js'
import { isObject, isSameJson } from '../../ground/json/json.js'
import type { FieldNames } from '../common/api-error.js'

/*
 * Kinds of fields, and fields that several APIs have. A field for something that molm does not do may only have the value
 * that changes nothing. Unknown fields are refused by name. Null fields are removed before a body is checked. Lists are
 * checked up to the first wrong element, since a body may have very many.
 */

interface FieldNote {
  /** The values that the field may have. Default: any. */
  values?: readonly unknown[]
  /** The field to use instead. */
  instead?: string
}

/** Fields without effect: docs/SERVE.md lists them. */
export const IGNORED = new WeakMap<object, FieldNote>()

/** Elements of lists, and ignored names within fields that readers of their own check. */
export const INNER = new WeakMap<object, { element?: z.ZodType; ignored?: readonly string[] }>()

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
  return neutral(values, `is not supported; use "${field}"`, field)
}

function neutral(values: unknown[], error: string, instead?: string) {
  const isNeutral = (value: unknown) => values.some((one) => isSameJson(value, one))
  return ignored(z.custom<unknown>(isNeutral, { error }).optional(), { values, instead })
}

/** Notes that a field has no effect. */
export function ignored<T extends z.ZodType>(field: T, note: FieldNote = {}): T {
  IGNORED.set(field, note)
  return field
}

/** A label or hint that changes no answer here: checked, then dropped. */
export const unused = <T extends z.ZodType>(field: T) => ignored(field.optional().transform(() => undefined))

/** Several of these. */
export function unusedFields<T extends z.ZodType, K extends string>(field: T, ...names: K[]) {
  return Object.fromEntries(names.map((name) => [name, unused(field)])) as Record<K, ReturnType<typeof unused<T>>>
}

/** A list, checked up to the first wrong element. */
export function firstWrong<T>(element: z.ZodType<T>) {
  const field = z.unknown().transform((list, { issues }): T[] => {
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
  INNER.set(field, { element })
  return field
}

/** Most characters of a mask, enough for every second of 512 experts in each of 60 layers. */
const MASK_CHARACTERS = 2 ** 17

/** Experts in the form LAYER:KIND:IDS; checked against the model later. */
export const mask = z
  .custom<string[]>(
    (value) =>
      Array.isArray(value) &&
      value.every(isText) &&
      value.reduce((sum, spec) => sum + spec.length, 0) <= MASK_CHARACTERS,
    mustBe(`a list of texts like "3:mlp:5,7-9", with at most ${MASK_CHARACTERS} characters in all`),
  )
  .optional()

/** Most interventions of a request: each may change what every token computes. */
const MOST_INTERVENTIONS = 4096

/** Changes of what layers compute; checked against the model later. */
export const interventions = z
  .custom<unknown[]>(
    (value) => Array.isArray(value) && value.length <= MOST_INTERVENTIONS,
    mustBe(
      `a list of at most ${MOST_INTERVENTIONS} objects like {"layer": 3, "part": "mlp", "expert": 5, "replace": "zero"}`,
    ),
  )
  .optional()

/** Number of likeliest tokens at each position whose log-probabilities are reported, in addition to the token's own. */
export const likeliest = wholeFrom(0, 20).optional()

const EFFORTS = {
  none: 'off',
  minimal: 'low',
  low: 'low',
  medium: 'medium',
  high: 'high',
  xhigh: 'high',
  max: 'high',
} as const satisfies Record<string, Think>
const effortNames = Object.keys(EFFORTS) as (keyof typeof EFFORTS)[]

/** How long the model thinks, in OpenAI's words. */
export const effort = z.enum(effortNames, mustBe(`one of ${effortNames.join(', ')}`)).optional()
export const thinkOf = (name: keyof typeof EFFORTS): Think => EFFORTS[name]

/** Most tokens of thinking; -1 is no limit, as in llama.cpp. */
export const budget = z
  .custom<number>(
    (value) => Number.isInteger(value) && (value as number) >= -1,
    mustBe('a whole number from 0 on, or -1'),
  )
  .transform((tokens) => (tokens === -1 ? undefined : tokens))
  .optional()

/** Fields of OpenAI's APIs that change no answer here. */
export const labels = {
  ...unusedFields(text, 'user', 'safety_identifier'),
  metadata: unused(anyObject),
  store: unused(flag),
  ...unusedFields(text, 'service_tier', 'prompt_cache_key', 'prompt_cache_retention'),
}

/** Options whose values a body gives in another form than the library. */
type Forms = { [K in OptionName]?: z.ZodType<GenerationSettings[K] | undefined> }

const FORMS: Forms = {
  /** One text or a list. */
  stop: z
    .custom<string | string[]>(
      (value) => isText(value) || (Array.isArray(value) && value.every(isText)),
      mustBe('a text or a list of texts'),
    )
    .transform((value) => [value].flat())
    .refine((texts) => GENERATION_OPTIONS.stop.includes(texts), `must be ${GENERATION_OPTIONS.stop.mustBe}`),
  /** The API's seeds have 64 bits, the library's are below 2^53. A seed in both ranges stays the same. */
  seed: z
    .custom<number>(
      (value) => Number.isInteger(value) && Math.abs(value as number) <= 2 ** 63,
      mustBe('a whole number of at most 64 bits'),
    )
    .transform((value) => Number(BigInt.asUintN(53, BigInt(value)))),
}

/**
 * The options of a generation as fields of an API, but for those in `omitted`: the server has one context for all, and each
 * API asks in its own way for log-probabilities.
 */
export function samplingFields(
  fields: FieldNames,
  { omitted = [], forms = {} }: { omitted?: readonly OptionName[]; forms?: Forms } = {},
) {
  const names = OPTION_NAMES.filter((name) => !['context', 'logprobs', ...omitted].includes(name))
  const all: Forms = { ...FORMS, ...forms }
  const shape = names.map((name) => [fields[name], all[name]?.optional() ?? option(name)])
  return {
    /** The schemas of the fields, to be spread into a body's. */
    shape: Object.fromEntries(shape) as object,
    /** The options that a checked body sets. */
    of(body: { [field: string]: unknown }): GenerateOptions {
      return Object.fromEntries(names.map((name) => [name, body[fields[name]]]))
    },
  }
}
