import type { Tool } from '../../api/chat-options.js'
import { isObject } from '../../ground/json/json.js'
import { typesOf } from './cast.js'

export interface Parameter {
  key: string
  /** Its own schema, with the definitions that it refers to. */
  schema: Record<string, unknown>
  /** Types that the schema names; empty if it names none. */
  types: string[]
  isRequired: boolean
}

/** Keywords that make more arguments possible than `properties` lists. */
const OPEN = ['patternProperties', 'anyOf', 'oneOf', 'allOf', 'if', 'dependentSchemas', '$ref']

/** Arguments of a tool in the order of its schema. Undefined if the schema does not list them. */
export function parametersOf({ parameters = {} }: Tool): Parameter[] | undefined {
  const { properties = {}, required, additionalProperties, $defs, definitions } = parameters
  const isOpen = OPEN.some((keyword) => keyword in parameters)
  if (isOpen || additionalProperties === true || isObject(additionalProperties) || !isObject(properties))
    return undefined
  const shared = { ...($defs !== undefined && { $defs }), ...(definitions !== undefined && { definitions }) }
  return Object.entries(properties).map(([key, property]) => {
    const schema = isObject(property) ? property : {}
    return {
      key,
      schema: withoutBounds({ ...schema, ...shared }),
      types: typesOf(resolved(schema, { $defs, definitions })),
      isRequired: Array.isArray(required) && required.includes(key),
    }
  })
}

/** Keywords whose members are named by users. */
const NAMED = ['properties', 'patternProperties', '$defs', 'definitions']
/** Keywords that have values, not schemas. */
const VALUES = ['const', 'enum', 'default', 'examples']
const BOUNDS = ['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum']

/** A schema without the bounds of its numbers, unless they are integers: no grammar keeps them, but the tool. */
export function withoutBounds(schema: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const isBound = (key: string) => key === 'multipleOf' || (schema.type !== 'integer' && BOUNDS.includes(key))
  const within = (value: unknown): unknown =>
    Array.isArray(value) ? value.map(within) : isObject(value) ? withoutBounds(value) : value
  const members = (value: unknown): unknown =>
    isObject(value) ? Object.fromEntries(Object.entries(value).map(([name, one]) => [name, within(one)])) : value
  const kept = Object.entries(schema).filter(([key]) => !isBound(key))
  const without = (key: string) =>
    VALUES.includes(key) ? (value: unknown) => value : NAMED.includes(key) ? members : within
  return Object.fromEntries(kept.map(([key, value]) => [key, without(key)(value)]))
}

/** The schema that a property refers to, if it is one of the definitions. */
function resolved(schema: Record<string, unknown>, places: Record<string, unknown>): unknown {
  const [, place, name] = /^#\/(\$defs|definitions)\/([^/]+)$/.exec(String(schema.$ref)) ?? []
  const definitions = place === undefined ? undefined : places[place]
  return isObject(definitions) && Object.hasOwn(definitions, name) ? definitions[name] : schema
}
