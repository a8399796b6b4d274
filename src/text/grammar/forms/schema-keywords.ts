import { UserError } from '../../../ground/errors.js'
import { type Form, isNumber, isText, whole } from '../../../ground/json/forms.js'
import { isObject } from '../../../ground/json/json.js'
import { keyword, type Message, phrase } from '../../../ground/message.js'
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
interface ArrayPart {
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
interface ObjectPart {
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

export type Keywords = Record<string, unknown>

/** The keywords that say something about one type only. */
const OF_TYPE: Partial<Record<JsonType, readonly string[]>> = {
  number: ['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum'],
  string: ['minLength', 'maxLength', 'pattern', 'format'],
  array: [
    ...['items', 'prefixItems', 'additionalItems', 'minItems', 'maxItems', 'uniqueItems'],
    ...['contains', 'unevaluatedItems'],
  ],
  object: [
    ...['properties', 'patternProperties', 'additionalProperties', 'required', 'minProperties', 'maxProperties'],
    ...['propertyNames', 'dependentRequired', 'dependentSchemas', 'dependencies', 'unevaluatedProperties'],
  ],
}

/** Throws a UserError about a place in a schema. */
export function failAt(path: string, what: Message): never {
  throw new UserError(path === '' ? what : phrase`${path}: ${what}`)
}

/** A schema's keywords of types and limits as cases, one for each type. */
export function limitCases(keywords: Keywords, path: string): Case[] {
  const types = typesOf(keywords, path)
  return JSON_TYPES.filter((type) => !types || types.has(type) || (type === 'number' && types.has('integer'))).map(
    (type) => {
      const isNamed = types !== undefined || (OF_TYPE[type] ?? []).some((name) => keywords[name] !== undefined)
      switch (type) {
        case 'number': {
          const limits = numberLimits(keywords, path)
          const isInteger = types?.has('integer') && !types.has('number')
          return { type, isNamed, limits: { ...limits, ...(isInteger && { isInteger }) } }
        }
        case 'string':
          return { type, isNamed, limits: stringLimits(keywords, path) }
        case 'array':
          return { type, isNamed, limits: arrayLimits(keywords, path) }
        case 'object':
          return { type, isNamed, limits: objectLimits(keywords, path) }
        default:
          return { type, isNamed }
      }
    },
  )
}

function typesOf({ type }: Keywords, path: string): Set<string> | undefined {
  if (type === undefined) return undefined
  const types: unknown[] = Array.isArray(type) ? type : [type]
  const known = [...JSON_TYPES, 'integer']
  const wrong = types.find((one) => typeof one !== 'string' || !(known as string[]).includes(one))
  if (wrong !== undefined || types.length === 0) {
    failAt(path, phrase`${keyword('type')} ${JSON.stringify(wrong ?? type)} is not a type (${known.join(', ')})`)
  }
  return new Set(types as string[])
}

function numberLimits(keywords: Keywords, path: string): NumberLimits {
  const limit = (name: string) => checked(keywords, name, path, isNumber, 'a number')
  return {
    minimum: limit('minimum'),
    maximum: limit('maximum'),
    exclusiveMinimum: limit('exclusiveMinimum'),
    exclusiveMaximum: limit('exclusiveMaximum'),
  }
}

function stringLimits(keywords: Keywords, path: string): StringLimits {
  const texts = (name: string) => [checked(keywords, name, path, isText, 'a string') ?? []].flat()
  return {
    minLength: count(keywords, 'minLength', path) ?? 0,
    maxLength: count(keywords, 'maxLength', path),
    patterns: texts('pattern'),
    formats: texts('format'),
  }
}

function arrayLimits(keywords: Keywords, path: string): ArrayLimits {
  const { items, prefixItems, contains, uniqueItems } = keywords
  // Before 2020, a list of `items` was what `prefixItems` is now, and `additionalItems` the rest.
  const prefixName = Array.isArray(items) ? 'items' : 'prefixItems'
  const prefix = Array.isArray(items) ? items : prefixItems
  if (prefix !== undefined && !Array.isArray(prefix))
    failAt(path, phrase`${keyword('prefixItems')} must be a list of schemas`)
  const restName = Array.isArray(items) ? 'additionalItems' : 'items'
  if (contains !== undefined && keywords.maxContains !== undefined)
    failAt(path, phrase`${keyword('maxContains')} is not supported`)
  return {
    parts: [
      {
        prefix: (prefix ?? []).map((schema, i) => within({ schema, path: `${path}/${prefixName}/${i}` })),
        items: subschema(keywords, restName, path),
      },
    ],
    minItems: count(keywords, 'minItems', path) ?? 0,
    maxItems: count(keywords, 'maxItems', path),
    isUnique: uniqueItems === true,
    contains: [subschema(keywords, 'contains', path) ?? []].flat().map((schema) => {
      return { schema, atLeast: count(keywords, 'minContains', path) ?? 1 }
    }),
    path,
  }
}

function objectLimits(keywords: Keywords, path: string): ObjectLimits {
  const { required } = keywords
  const isList = Array.isArray(required) && required.every((name) => typeof name === 'string')
  if (required !== undefined && !isList) failAt(path, phrase`${keyword('required')} must be a list of names`)
  return {
    parts: [
      {
        properties: new Map(subschemas(keywords, 'properties', path)),
        patterns: subschemas(keywords, 'patternProperties', path).map(([pattern, schema]) => ({ pattern, schema })),
        additional: subschema(keywords, 'additionalProperties', path),
      },
    ],
    required: isList ? [...new Set(required)] : [],
    minProperties: count(keywords, 'minProperties', path) ?? 0,
    maxProperties: count(keywords, 'maxProperties', path),
    names: [subschema(keywords, 'propertyNames', path) ?? []].flat(),
    path,
  }
}

/** The schema of a keyword. */
function subschema(keywords: Keywords, name: string, path: string): Located | undefined {
  const schema = keywords[name]
  return schema === undefined ? undefined : within({ schema, path: `${path}/${name}` })
}

/** The schemas of a keyword that is an object of them. */
export function subschemas(keywords: Keywords, name: string, path: string): [string, Located][] {
  const schemas = keywords[name]
  if (schemas === undefined) return []
  if (!isObject(schemas)) failAt(path, phrase`${keyword(name)} must be an object of schemas`)
  return Object.entries(schemas).map(([key, schema]) => [
    key,
    within({ schema, path: `${path}/${name}/${pointer(key)}` }),
  ])
}

/** The schemas of a keyword that is a list of them. */
export function listedSchemas(keywords: Keywords, name: string, path: string): Located[] | undefined {
  const schemas = keywords[name]
  if (schemas === undefined) return undefined
  if (!Array.isArray(schemas) || schemas.length === 0) failAt(path, phrase`${keyword(name)} must be a list of schemas`)
  return schemas.map((schema, i) => within({ schema, path: `${path}/${name}/${i}` }))
}

function within(located: Located): Located {
  const { schema, path } = located
  return typeof schema === 'boolean' || isObject(schema)
    ? located
    : failAt(path, 'a schema must be an object, true or false')
}

/** A name as a JSON Pointer writes it. */
export function pointer(name: string): string {
  return name.replaceAll('~', '~0').replaceAll('/', '~1')
}

function count(keywords: Keywords, name: string, path: string): number | undefined {
  return checked(keywords, name, path, whole(0, Infinity), 'a whole number from 0 up')
}

function checked<T>(keywords: Keywords, name: string, path: string, is: Form<T>, mustBe: string): T | undefined {
  const value = keywords[name]
  return value === undefined || is(value) ? value : failAt(path, phrase`${keyword(name)} must be ${mustBe}`)
}
