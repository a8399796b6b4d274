import { isObject } from '../../json.js'

/** Fields whose values keep their nulls, by name; those of the elements of a list under `each`. */
export type KeptNulls = 'all' | { [field: string]: KeptNulls }

/** Removes null fields, in place: typed clients send every field that they know. In a JSON Schema a null has a meaning. */
export function withoutNulls(value: unknown, kept?: KeptNulls): unknown {
  if (kept === 'all') return value
  if (Array.isArray(value)) for (const element of value) withoutNulls(element, kept?.each)
  if (isObject(value)) {
    for (const key of Object.keys(value)) {
      if (value[key] === null) delete value[key]
      else withoutNulls(value[key], kept && Object.hasOwn(kept, key) ? kept[key] : undefined)
    }
  }
  return value
}
