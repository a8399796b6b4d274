import { UserError } from './errors.js'
import { printable } from './printable.js'

/** Largest JSON text read. A header of a hundred thousand tensors is smaller; more could exhaust the memory. */
export const MOST_JSON_BYTES = 32 * 2 ** 20

/** Deepest nesting read. Checkpoints need four levels; millions of them would exhaust the memory. */
const DEEPEST_NESTING = 64

/** One JSON object in UTF-8. Throws a UserError that begins with `where`. */
export function parseJsonObject(bytes: Uint8Array, where: string): Record<string, unknown> {
  if (nesting(bytes) > DEEPEST_NESTING)
    throw new UserError(`${where}: not valid here, nested more than ${DEEPEST_NESTING} deep`)
  let value: unknown
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch (error) {
    const why =
      error instanceof TypeError ? 'it is not UTF-8 text' : error instanceof Error ? error.message : String(error)
    throw new UserError(`${where}: not valid JSON (${printable(why)})`)
  }
  if (!isObject(value)) throw new UserError(`${where}: a JSON object was expected`)
  return value
}

/** Whether a parsed JSON value is an object, not an array or null. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** How deeply brackets are nested, those inside strings not counted. */
function nesting(bytes: Uint8Array): number {
  const [quote, backslash] = [0x22, 0x5c]
  let depth = 0
  let deepest = 0
  let inString = false
  for (let i = 0; i < bytes.length; i++) {
    const c = bytes[i]
    if (inString) {
      if (c === backslash) i++
      else if (c === quote) inString = false
    } else if (c === quote) inString = true
    else if (c === 0x5b || c === 0x7b) deepest = Math.max(deepest, ++depth)
    else if (c === 0x5d || c === 0x7d) depth--
  }
  return deepest
}
