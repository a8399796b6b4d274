import { UserError } from './errors.js'
import { printable } from './printable.js'

/** Largest JSON text read. A header of a hundred thousand tensors is smaller; more could exhaust the memory. */
export const MOST_JSON_BYTES = 32 * 2 ** 20

/** Most values in it: with more, 32 MiB of JSON would take a gigabyte once parsed. A hundred thousand tensors have fewer. */
export const MOST_JSON_VALUES = 2 ** 20

/** Most keys of all its objects together, which are dearer. A vocabulary has up to 300,000, a tensor in a header four. */
const MOST_JSON_KEYS = 2 ** 19

/** Deepest nesting read. Checkpoints need four levels; millions of them would exhaust the memory. */
const DEEPEST_NESTING = 64

/** One JSON value in UTF-8 with so many values and keys in it at most. Throws a UserError that begins with `where`. */
export function parseJson(
  bytes: Uint8Array,
  where: string,
  mostValues = MOST_JSON_VALUES,
  mostKeys = MOST_JSON_KEYS,
): unknown {
  const { nesting, values, keys } = measure(bytes)
  if (nesting > DEEPEST_NESTING)
    throw new UserError(`${where}: not valid here, nested more than ${DEEPEST_NESTING} deep`)
  if (values > mostValues) throw new UserError(`${where}: too large, more than ${mostValues} values are in it`)
  if (keys > mostKeys) throw new UserError(`${where}: too large, more than ${mostKeys} keys are in it`)
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch (error) {
    const why =
      error instanceof TypeError ? 'it is not UTF-8 text' : error instanceof Error ? error.message : String(error)
    throw new UserError(`${where}: not valid JSON (${printable(why)})`)
  }
}

/** The same where the value must be an object. */
export function parseJsonObject(
  bytes: Uint8Array,
  where: string,
  mostValues = MOST_JSON_VALUES,
): Record<string, unknown> {
  const value = parseJson(bytes, where, mostValues)
  if (!isObject(value)) throw new UserError(`${where}: a JSON object was expected`)
  return value
}

/** Whether a parsed JSON value is an object, not an array or null. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/**
 * How deeply brackets are nested, how many keys there are, and how many values at most: a bracket opens one, and a comma
 * promises one more. What stands inside strings is not counted.
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
