import type { Tool } from '../../api/chat.js'
import { isObject } from '../../json.js'
import { typesOf } from './cast.js'

/** An argument of a tool. */
export interface Parameter {
  key: string
  /** A schema of its own, with the definitions that it refers to. */
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
      schema: { ...schema, ...shared },
      types: typesOf(resolved(schema, { $defs, definitions })),
      isRequired: Array.isArray(required) && required.includes(key),
    }
  })
}

/** The schema that a property refers to, if it is one of the definitions. */
function resolved(schema: Record<string, unknown>, places: Record<string, unknown>): unknown {
  const [, place, name] = /^#\/(\$defs|definitions)\/([^/]+)$/.exec(String(schema.$ref)) ?? []
  const definitions = place === undefined ? undefined : places[place]
  return isObject(definitions) && Object.hasOwn(definitions, name) ? definitions[name] : schema
}
