import { createHash } from 'node:crypto'
import { isObject } from '../../../../json.js'

/** Hex digits of a hash: enough to distinguish the versions of a line. */
export const HASH_LENGTH = 16

/** A short hash of a JSON value. It ignores the order of keys, and keys whose value is undefined. */
export function hashOf(value: unknown): string {
  const text = JSON.stringify(value, (_, part: unknown) => (isObject(part) ? sorted(part) : part))
  return createHash('sha256').update(text).digest('hex').slice(0, HASH_LENGTH)
}

function sorted(object: object): object {
  return Object.fromEntries(Object.entries(object).sort(([a], [b]) => (a < b ? -1 : 1)))
}
