import { UserError } from '../errors.js'
import { printable } from '../printable.js'

/** Maximum bytes of a JSON text. A header of a hundred thousand tensors is smaller; more could exhaust the memory. */
export const MOST_JSON_BYTES = 32 * 2 ** 20

/** Maximum values of a JSON text: more, in 32 MiB, would take a gigabyte. A hundred thousand tensors have fewer. */
export const MOST_JSON_VALUES = 2 ** 20

/** Maximum keys of all its objects, which take more memory. A vocabulary has 300,000, a tensor in a header four. */
const MOST_JSON_KEYS = 2 ** 19

/** Maximum nesting. Checkpoints need four levels; millions would exhaust the memory. */
const DEEPEST_NESTING = 64

/** Parses one JSON value in UTF-8, within limits. `source` begins the message of the UserError that it throws. */
export function parseJson<T = unknown>(
  bytes: Uint8Array,
  source: string,
  mostValues = MOST_JSON_VALUES,
  mostKeys = MOST_JSON_KEYS,
  read: (text: string) => T = JSON.parse,
): T {
  const { nesting, values, keys } = measure(bytes)
  if (nesting > DEEPEST_NESTING)
    throw new UserError(`${source}: not valid here, nested more than ${DEEPEST_NESTING} deep`)
  if (values > mostValues) throw new UserError(`${source}: too large, more than ${mostValues} values are in it`)
  if (keys > mostKeys) throw new UserError(`${source}: too large, more than ${mostKeys} keys are in it`)
  try {
    return read(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch (error) {
    const why =
      error instanceof TypeError ? 'it is not UTF-8 text' : error instanceof Error ? error.message : String(error)
    throw new UserError(`${source}: not valid JSON (${printable(why)})`)
  }
}

/** Parses a JSON object, as `parseJson` does. Throws a UserError if the value is not an object. */
export function parseJsonObject(
  bytes: Uint8Array,
  source: string,
  mostValues = MOST_JSON_VALUES,
): Record<string, unknown> {
  const value = parseJson(bytes, source, mostValues)
  if (!isObject(value)) throw new UserError(`${source}: a JSON object was expected`)
  return value
}

/**
 * Parses an object that Python wrote. Its words for numbers that JSON lacks become objects, as newer files have them:
 * Infinity is { __float__: 'Infinity' }.
 */
export function parsePythonObject(bytes: Uint8Array, source: string): Record<string, unknown> {
  const value = parseJson(bytes, source, MOST_JSON_VALUES, MOST_JSON_KEYS, (text) =>
    JSON.parse(text.replace(STRING_OR_WORD, (found) => (found[0] === '"' ? found : `{"__float__":"${found}"}`))),
  )
  if (!isObject(value)) throw new UserError(`${source}: a JSON object was expected`)
  return value
}

const STRING_OR_WORD = /"(?:[^"\\]|\\.)*"|-?Infinity|NaN/gs

/** Whether a parsed JSON value is an object, not an array or null. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Whether two values of JSON are equal. The order of an object's keys does not count. */
export function isSameJson(a: unknown, b: unknown): boolean {
  if (Array.isArray(a)) return Array.isArray(b) && a.length === b.length && a.every((item, i) => isSameJson(item, b[i]))
  if (!isObject(a) || !isObject(b)) return a === b
  const keys = Object.keys(a)
  if (keys.length !== Object.keys(b).length) return false
  return keys.every((key) => Object.hasOwn(b, key) && isSameJson(a[key], b[key]))
}

/**
 * Measures the depth of the brackets, the number of keys, and an upper bound of the number of values: one for each
 * bracket that opens and one for each comma. The contents of strings do not count.
 */
function measure(bytes: Uint8Array): { nesting: number; values: number; keys: number } {
  const [quote, backslash, comma, colon] = [0x22, 0x5c, 0x2c, 0x3a]
  let depth = 0
  let nesting = 0
  let values = 1
  let keys = 0
  let inString = false
  for (let i = 0; i < bytes.length; i++) {
    const c = bytes[i]
    if (inString) {
      if (c === backslash) i++
      else if (c === quote) inString = false
    } else if (c === quote) inString = true
    else if (c === comma) values++
    else if (c === colon) keys++
    else if (c === 0x5b || c === 0x7b) {
      values++
      nesting = Math.max(nesting, ++depth)
    } else if (c === 0x5d || c === 0x7d) depth--
  }
  return { nesting, values, keys }
}
