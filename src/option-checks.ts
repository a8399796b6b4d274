import { UsageError } from './errors.js'
import { nearest } from './spelling.js'

/*
 * What a caller without types can get wrong about options. A wrong value or name is refused by the option's own name, in
 * backticks, rather than taken for something else.
 */

/** Throws a UsageError where an option is given that there is none of. */
export function checkOptionNames(given: object, known: Readonly<Record<string, true>>, call: string): void {
  if (typeof given !== 'object' || given === null) throw new UsageError(`the options of ${call} must be an object`)
  const names = Object.keys(known)
  const unknown = Object.keys(given).find((name) => !names.includes(name))
  if (unknown === undefined) return
  const meant = nearest(unknown, names)
  const hint = meant ? `did you mean \`${meant}\`?` : `there are ${names.join(', ')}`
  throw new UsageError(`${call} has no option '${unknown}'; ${hint}`)
}

/** Throws a UsageError unless the value is one of those there are, or absent. */
export function checkOneOf(name: string, value: unknown, values: readonly unknown[]): void {
  if (value === undefined || values.includes(value)) return
  throw new UsageError(`\`${name}\` must be one of ${values.join(', ')}, not ${shown(value)}`)
}

/** Throws a UsageError unless each of these options is true, false or absent. */
export function checkSwitches<T extends object>(options: T, names: readonly (keyof T & string)[]): void {
  for (const name of names) checkOneOf(name, options[name], [true, false])
}

/** A value as it may be in a message, which for a promise says what was forgotten. */
export function shown(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.slice(0, 40))
  if (value instanceof Promise) return 'a Promise: await it'
  return Array.isArray(value) ? 'a list' : typeof value === 'object' && value ? 'an object' : String(value).slice(0, 40)
}
