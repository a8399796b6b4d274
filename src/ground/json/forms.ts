import { isObject } from './json.js'

/** Whether a value of untrusted JSON has a form, so that its type is known. */
export type Form<T> = (value: unknown) => value is T

export function isText(value: unknown): value is string {
  return typeof value === 'string'
}

/** A text that is not empty. */
export function isWord(value: unknown): value is string {
  return typeof value === 'string' && value !== ''
}

export function isFlag(value: unknown): value is boolean {
  return typeof value === 'boolean'
}

/** A text of 1 to `most` characters. */
export function wordUpTo(most: number): Form<string> {
  return (value): value is string => isWord(value) && value.length <= most
}

/** A finite number within bounds. */
export function numberFrom(least: number, most = Infinity): Form<number> {
  return (value): value is number => Number.isFinite(value) && Number(value) >= least && Number(value) <= most
}

export const isNumber = numberFrom(-Infinity)

/** A whole number within bounds. */
export function whole(least: number, most = Number.MAX_SAFE_INTEGER): Form<number> {
  return (value): value is number => Number.isInteger(value) && Number(value) >= least && Number(value) <= most
}

export const isCount = whole(0)

/** A value of a form, or none. */
export function optional<T>(form: Form<T>): Form<T | undefined> {
  return (value): value is T | undefined => value === undefined || form(value)
}

export function anyOf<A, B>(a: Form<A>, b: Form<B>): Form<A | B> {
  return (value): value is A | B => a(value) || b(value)
}

export function oneOf<T>(values: readonly T[]): Form<T> {
  return (value): value is T => values.some((known) => known === value)
}

export function listOf<T>(form: Form<T>, { least = 0, most = Infinity } = {}): Form<T[]> {
  return (value): value is T[] =>
    Array.isArray(value) && value.length >= least && value.length <= most && value.every(form)
}

/** A list with one item for each form. */
export function listOfEach<T>(forms: readonly Form<T>[]): Form<T[]> {
  return (value): value is T[] =>
    Array.isArray(value) && value.length === forms.length && forms.every((form, i) => form(value[i]))
}

/** An object whose values all have a form. */
export function valuesOf<T>(form: Form<T>): Form<Record<string, T>> {
  return (value): value is Record<string, T> => isObject(value) && Object.values(value).every(form)
}

/** An object whose fields have forms. It may have others. */
export function fields<T extends object>(forms: { [K in keyof T]-?: Form<T[K]> }): Form<T> {
  const all = Object.entries<Form<unknown>>(forms)
  return (value): value is T => isObject(value) && all.every(([key, form]) => form(value[key]))
}
