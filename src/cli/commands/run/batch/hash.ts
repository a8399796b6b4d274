import { createHash } from 'node:crypto'
import { isObject } from '../../../../json.js'

/** Letters of a hash: enough to distinguish the versions of one line. */
const LENGTH = 16

/** A short hash of a JSON value; the order of keys does not count, nor do keys without a value. */
export function hashOf(value: unknown): string {
  const text = JSON.stringify(value, (_, part: unknown) => (isObject(part) ? inOrder(part) : part))
  return createHash('sha256').update(text).digest('hex').slice(0, LENGTH)
}

function inOrder(object: object): object {
  return Object.fromEntries(Object.entries(object).sort(([a], [b]) => (a < b ? -1 : 1)))
}
