import { isDeepStrictEqual } from 'node:util'
import { z } from 'zod'
import { GENERATION_OPTIONS, type GenerationSettings, type OptionName } from '../../api/generation-options.js'
import { isObject } from '../../ground/json/json.js'

/* Kinds of fields. A field for something that molm does not do may only have the value that changes nothing. */

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

/** Several of these. */
export function unusedFields<T extends z.ZodType, K extends string>(field: T, ...names: K[]) {
  return Object.fromEntries(names.map((name) => [name, unused(field)])) as Record<K, ReturnType<typeof unused<T>>>
}

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
