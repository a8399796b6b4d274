import { isObject } from '../../ground/json/json.js'

/** Values by the name of a placeholder. */
export type Scope = Readonly<Record<string, unknown>>

const PLACEHOLDER = /^\{(\w+(?:\.\w+)*)\}$/

/** Replaces placeholders in a value, such as `{content.name}`. Throws an Error if one has no value. */
export function transform(value: unknown, scope: Scope): unknown {
  if (Array.isArray(value)) return value.map((item) => transform(item, scope))
  if (isObject(value)) {
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, transform(item, scope)]))
  }
  const path = typeof value === 'string' && PLACEHOLDER.exec(value)?.[1]
  return path ? valueAt(scope, path) : value
}

/** Texts that have a placeholder and more. */
export function mixedTextsOf(value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap(mixedTextsOf)
  if (isObject(value)) return Object.values(value).flatMap(mixedTextsOf)
  return typeof value === 'string' && /\{\w+(?:\.\w+)*\}/.test(value) && !PLACEHOLDER.test(value) ? [value] : []
}

function valueAt(scope: Scope, path: string): unknown {
  let value: unknown = scope
  for (const key of path.split('.')) {
    if (!isObject(value) || !Object.hasOwn(value, key)) throw new Error(`"${path}" is missing`)
    value = value[key]
  }
  return value
}
