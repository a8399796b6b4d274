import { z } from 'zod'
import type { GenerateOptions } from '../../api/generation.js'
import {
  GENERATION_OPTIONS,
  type GenerationSettings,
  OPTION_NAMES,
  type OptionName,
} from '../../api/generation-options.js'
import { type Api, fieldIn, type Omitted, type Renamed } from '../common/option-fields.js'
import { isText, mustBe, option, wholeFrom } from './field-types.js'

/* Options of a generation as fields of bodies: each row of the table of options is a field of all three APIs. */

type Option<A extends Api> = Exclude<OptionName, Omitted<A>>
type SnakeCase<S> = S extends `${infer First}${infer Rest}`
  ? `${First extends Lowercase<First> ? First : `_${Lowercase<First>}`}${SnakeCase<Rest>}`
  : S
type Field<A extends Api, K> = K extends keyof Renamed<A> ? Renamed<A>[K] : SnakeCase<K>
type Kind<K extends OptionName> = z.ZodOptional<z.ZodType<GenerationSettings[K]>>
type Kinds<A extends Api> = { [K in Option<A> as Field<A, K> & string]: Kind<K> }
type Values<A extends Api> = { [K in Option<A> as Field<A, K> & string]?: GenerationSettings[K] }

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

/** In ollama's API, numbers below 0 are no limit, or the default. */
const OLLAMA: Forms = {
  ...FORMS,
  maxTokens: wholeFrom(-2, Number.MAX_SAFE_INTEGER).transform((n) => (n < 0 ? undefined : n)),
  topK: wholeFrom(-1, Number.MAX_SAFE_INTEGER).transform((k) => Math.max(0, k)),
  promptLookupNumTokens: wholeFrom(-1, Number.MAX_SAFE_INTEGER).transform((n) => (n < 0 ? undefined : n)),
}

/** Fields of the options in an API. */
export function samplingFields<A extends Api>(api: A): Kinds<A> {
  const forms = api === 'ollama' ? OLLAMA : FORMS
  return Object.fromEntries(
    pairs(api).map(([name, field]) => [field, forms[name]?.optional() ?? option(name)]),
  ) as never
}

/** The options that a body sets. */
export function samplingOf<A extends Api>(api: A, body: Values<A>): GenerateOptions {
  const fields = body as Record<string, unknown>
  return Object.fromEntries(pairs(api).map(([name, field]) => [name, fields[field]]))
}

/** The options that a body of another API sets, as fields of chat completions. */
export function asOpenai<A extends Api>(api: A, body: Values<A>): Values<'openai'> {
  const options = Object.entries(samplingOf(api, body))
  return Object.fromEntries(options.map(([name, value]) => [fieldIn('openai', name as OptionName), value]))
}

/** Names of fields in chat completions, each with its name in another API. */
export function renamedFields(api: Api): [openai: string, own: string][] {
  return pairs(api).map(([name, field]) => [fieldIn('openai', name) as string, field])
}

function pairs(api: Api): [OptionName, string][] {
  return OPTION_NAMES.flatMap((name) => {
    const field = fieldIn(api, name)
    return field === undefined ? [] : [[name, field] as [OptionName, string]]
  })
}
