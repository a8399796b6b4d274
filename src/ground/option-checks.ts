import { UsageError } from './errors.js'
import { option, phrase } from './message.js'
import { nearest } from './spelling.js'

/* Checks of options for callers without types. */

/** Throws a UsageError if `given` has an option that `known` lacks. */
export function checkOptionNames(given: object, known: Readonly<Record<string, unknown>>, call: string): void {
  if (typeof given !== 'object' || given === null) throw new UsageError(`the options of ${call} must be an object`)
  const names = Object.keys(known)
  const unknown = Object.keys(given).find((name) => !names.includes(name))
  if (unknown === undefined) return
  const meant = nearest(unknown, names)
  const hint = meant ? phrase`did you mean ${option(meant)}?` : `its options are ${names.join(', ')}`
  throw new UsageError(phrase`${call} has no option '${unknown}'; ${hint}`)
}

/** Throws a UsageError unless the value is one of `values` or absent. */
export function checkOneOf(name: string, value: unknown, values: readonly unknown[]): void {
  if (value === undefined || values.includes(value)) return
  throw new UsageError(phrase`${option(name)} must be one of ${values.join(', ')}, not ${shown(value)}`)
}

/** Throws a UsageError unless each named option is true, false or absent. */
export function checkSwitches<T extends object>(options: T, names: readonly (keyof T & string)[]): void {
  for (const name of names) checkOneOf(name, options[name], [true, false])
}

/** A short form of a value for a message; for a promise, a hint to await it. */
export function shown(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.slice(0, 40))
  if (value instanceof Promise) return 'a Promise: await it'
  return Array.isArray(value) ? 'a list' : typeof value === 'object' && value ? 'an object' : String(value).slice(0, 40)
}
