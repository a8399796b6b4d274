import { createHash } from 'node:crypto'

/** Letters of a hash: enough to distinguish the versions of one line. */
const LENGTH = 16

/** A short hash of a JSON value; the order of keys does not count, nor do keys without a value. */
export function hashOf(value: unknown): string {
  const text = JSON.stringify(value, (_, part: unknown) => (isPlain(part) ? inOrder(part) : part))
  return createHash('sha256').update(text).digest('hex').slice(0, LENGTH)
}

function inOrder(object: object): object {
  return Object.fromEntries(Object.entries(object).sort(([a], [b]) => (a < b ? -1 : 1)))
}

function isPlain(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
