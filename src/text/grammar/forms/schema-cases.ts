import type { NumberLimits } from './number-ranges.js'

/** A subschema, with its place in the schema as a JSON Pointer. */
export interface Located {
  schema: unknown
  path: string
}

export type JsonType = 'null' | 'boolean' | 'number' | 'string' | 'array' | 'object'
export const JSON_TYPES: readonly JsonType[] = ['object', 'array', 'string', 'number', 'boolean', 'null']

export interface StringLimits {
  minLength: number
  maxLength?: number
  patterns: readonly string[]
  formats: readonly string[]
}

/** One schema's keywords of arrays. */
export interface ArrayPart {
  prefix: readonly Located[]
  items?: Located
}

export interface ArrayLimits {
  parts: readonly ArrayPart[]
  minItems: number
  maxItems?: number
  isUnique: boolean
  contains: readonly { schema: Located; atLeast: number }[]
  path: string
}

/** One schema's keywords of objects. */
export interface ObjectPart {
  properties: ReadonlyMap<string, Located>
  patterns: readonly { pattern: string; schema: Located }[]
  additional?: Located
}

export interface ObjectLimits {
  parts: readonly ObjectPart[]
  required: readonly string[]
  minProperties: number
  maxProperties?: number
  names: readonly Located[]
  path: string
}

/** Values of one type that a schema accepts; a schema accepts the values of any of its cases. */
export type Case = {
  /** Whether the schema names the type, or has keywords for it. */
  isNamed: boolean
} & (
  | { type: 'value'; value: unknown }
  | { type: 'null' }
  | { type: 'boolean' }
  | { type: 'number'; limits: NumberLimits }
  | { type: 'string'; limits: StringLimits }
  | { type: 'array'; limits: ArrayLimits }
  | { type: 'object'; limits: ObjectLimits }
)

export function typeOf(value: unknown): JsonType {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'array'
  return typeof value as JsonType
}

/** Values that both cases accept, if both are of one type and neither is a value. */
export function bothOf(a: Case, b: Case): Case | undefined {
  const isNamed = a.isNamed || b.isNamed
  if (a.type === 'number' && b.type === 'number') return { ...a, isNamed, limits: bothNumbers(a.limits, b.limits) }
  if (a.type === 'string' && b.type === 'string') return { ...a, isNamed, limits: bothStrings(a.limits, b.limits) }
  if (a.type === 'array' && b.type === 'array') return { ...a, isNamed, limits: bothArrays(a.limits, b.limits) }
  if (a.type === 'object' && b.type === 'object') return { ...a, isNamed, limits: bothObjects(a.limits, b.limits) }
  return a.type === b.type ? { ...a, isNamed } : undefined
}

function bothNumbers(a: NumberLimits, b: NumberLimits): NumberLimits {
  return {
    isInteger: a.isInteger || b.isInteger,
    minimum: larger(a.minimum, b.minimum),
    maximum: smaller(a.maximum, b.maximum),
    exclusiveMinimum: larger(a.exclusiveMinimum, b.exclusiveMinimum),
    exclusiveMaximum: smaller(a.exclusiveMaximum, b.exclusiveMaximum),
  }
}

function bothStrings(a: StringLimits, b: StringLimits): StringLimits {
  return {
    minLength: Math.max(a.minLength, b.minLength),
    maxLength: smaller(a.maxLength, b.maxLength),
    patterns: [...new Set([...a.patterns, ...b.patterns])],
    formats: [...new Set([...a.formats, ...b.formats])],
  }
}

function bothArrays(a: ArrayLimits, b: ArrayLimits): ArrayLimits {
  return {
    parts: [...a.parts, ...b.parts],
    minItems: Math.max(a.minItems, b.minItems),
    maxItems: smaller(a.maxItems, b.maxItems),
    isUnique: a.isUnique || b.isUnique,
    contains: [...a.contains, ...b.contains],
    path: a.path,
  }
}

function bothObjects(a: ObjectLimits, b: ObjectLimits): ObjectLimits {
  return {
    parts: [...a.parts, ...b.parts],
    required: [...new Set([...a.required, ...b.required])],
    minProperties: Math.max(a.minProperties, b.minProperties),
    maxProperties: smaller(a.maxProperties, b.maxProperties),
    names: [...a.names, ...b.names],
    path: a.path,
  }
}

function larger(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined ? b : b === undefined ? a : Math.max(a, b)
}

function smaller(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined ? b : b === undefined ? a : Math.min(a, b)
}
