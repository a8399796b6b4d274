import type { Tool } from '../../api/chat-options.js'
import { isObject } from '../../ground/json/json.js'
import { LiteralReader } from './literal-reader.js'

/** Types that a schema names, in its order; types of its alternatives count. */
export function typesOf(schema: unknown, depth = 0): string[] {
  if (!isObject(schema) || depth > 8) return []
  const { type, anyOf, oneOf, nullable } = schema
  const named = (Array.isArray(type) ? type : [type]).filter((type) => typeof type === 'string')
  const options = [anyOf, oneOf].flatMap((options) => (Array.isArray(options) ? options : []))
  const types = [...named, ...options.flatMap((option) => typesOf(option, depth + 1))]
  return nullable === true ? [...types, 'null'] : types
}

/** A text as the first of the types that it can be; the text itself if it can be none of them. */
export function castText(text: string, types: readonly string[]): unknown {
  for (const type of types) {
    const value = CASTS[type]?.(text)
    if (value !== undefined) return value
  }
  return text
}

/** The value of a text by type; undefined if the text is of another type. */
const CASTS: Record<string, (text: string) => unknown> = {
  // A number beyond 2^53 would lose digits.
  integer: (text) => (/^\s*[-+]?\d+\s*$/.test(text) && Number.isSafeInteger(Number(text)) ? Number(text) : undefined),
  number: (text) =>
    /^\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?\s*$/.test(text) && Number.isFinite(Number(text))
      ? Number(text)
      : undefined,
  boolean: (text) => ({ true: true, '1': true, false: false, '0': false })[text.trim().toLowerCase()],
  null: (text) => (['null', 'None'].includes(text.trim()) ? null : undefined),
  object: (text) => structureOf(text, isObject),
  array: (text) => structureOf(text, Array.isArray),
}

/** The object or list of a text in JSON or in Python's notation, which some chat templates write. */
function structureOf(text: string, isWanted: (value: unknown) => boolean): unknown {
  for (const parse of [JSON.parse, pythonValue]) {
    try {
      const value: unknown = parse(text)
      if (isWanted(value)) return value
    } catch {
      // The other notation may fit.
    }
  }
  return undefined
}

function pythonValue(text: string): unknown {
  const reader = new LiteralReader(text, { isPython: true })
  const value = reader.value()
  return reader.isAtEnd ? value : undefined
}

/** Types of a tool's arguments by their names; none for an argument that its schema does not list. */
export function typesIn(parameters: Tool['parameters']): (key: string) => string[] {
  const properties = isObject(parameters?.properties) ? parameters.properties : {}
  return (key) => (Object.hasOwn(properties, key) ? typesOf(properties[key]) : [])
}

/** Casts the arguments of a call by its tool's schema: texts become values of the types that the schema names. */
export function castArguments(
  args: Readonly<Record<string, unknown>>,
  parameters: Tool['parameters'],
): Record<string, unknown> {
  const types = typesIn(parameters)
  const cast = (value: unknown, types: readonly string[]) =>
    typeof value === 'string' ? castText(value, types) : value
  return Object.fromEntries(
    Object.entries(args).map(([key, value]) => [
      key,
      Array.isArray(value) ? value.map((item) => cast(item, types(key))) : cast(value, types(key)),
    ]),
  )
}
