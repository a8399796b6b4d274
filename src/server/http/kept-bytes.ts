/*
 * Memory of parsed JSON in V8, measured and rounded up: a body of few bytes may have many values. A character takes one
 * byte, or two if any in its text is beyond Latin-1 and so has at least two bytes in UTF-8.
 */
const NUMBER_BYTES = 8
const TEXT_BYTES = 24
const LIST_BYTES = 48
const OBJECT_BYTES = 64
const FIELD_BYTES = 24

/** Estimates the bytes that a parsed JSON value takes. */
export function keptBytes(value: unknown): number {
  if (typeof value === 'string') return TEXT_BYTES + Buffer.byteLength(value)
  if (Array.isArray(value)) return value.reduce((sum, element) => sum + NUMBER_BYTES + keptBytes(element), LIST_BYTES)
  if (typeof value !== 'object' || value === null) return 0
  return Object.values(value).reduce((sum, field) => sum + FIELD_BYTES + keptBytes(field), OBJECT_BYTES)
}
