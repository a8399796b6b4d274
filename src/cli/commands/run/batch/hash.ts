import { createHash } from 'node:crypto'
import { isObject } from '../../../../ground/json/json.js'

/** Hex digits of a hash: enough to distinguish the versions of a line. */
const HASH_LENGTH = 16

/**
 * A short hash of a JSON value. It ignores the order of the outer keys, and keys whose value is undefined. The order
 * within a value counts: answers keep the order of the schema's properties, and prompts the order of the tools'.
 */
export function hashOf(value: unknown): string {
  const text = JSON.stringify(isObject(value) ? sorted(value) : value)
  return createHash('sha256').update(text).digest('hex').slice(0, HASH_LENGTH)
}

function sorted(object: object): object {
  return Object.fromEntries(Object.entries(object).sort(([a], [b]) => (a < b ? -1 : 1)))
}
