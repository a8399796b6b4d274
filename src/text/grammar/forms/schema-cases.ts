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
  if (a.type !== b.type) return undefined
  const isNamed = a.isNamed || b.isNamed
  return 'limits' in a && 'limits' in b
    ? ({ ...a, isNamed, limits: bothLimits({ ...a.limits }, { ...b.limits }) } as Case)
    : { ...a, isNamed }
}

/** Of bounds the narrower ones, of lists all members, of flags whether one is set. The first path stays. */
function bothLimits(a: Record<string, unknown>, b: Record<string, unknown>): object {
  const names = new Set([...Object.keys(a), ...Object.keys(b)])
  return Object.fromEntries(
    Array.from(names, (name) => {
      const [one, other] = [a[name], b[name]]
      if (Array.isArray(one) && Array.isArray(other)) return [name, [...new Set([...one, ...other])]]
      if (typeof one === 'boolean') return [name, one || other]
      if (typeof one !== 'number' || typeof other !== 'number') return [name, one ?? other]
      return [name, /^min|Minimum$/.test(name) ? Math.max(one, other) : Math.min(one, other)]
    }),
  )
}
