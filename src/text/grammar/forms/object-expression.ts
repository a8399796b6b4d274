import { keyword, phrase } from '../../../ground/message.js'
import { Automaton } from './automaton.js'
import { choicesInOrder } from './choices-in-order.js'
import { choice, EMPTY, type Expression, NEVER, repeat, sequence, text } from './expression.js'
import { ANY_STRING, COLON, COMMA, jsonString } from './json-text.js'
import { ANY } from './read-pattern.js'
import { failAt, type Located, type ObjectLimits } from './schema-keywords.js'
import { generatesMore } from './schema-overlap.js'
import type { SchemaReader } from './schema-reader.js'
import { stringAutomaton } from './string-texts.js'

/** Most patterns of names: each of their combinations gets a rule. */
const MOST_PATTERNS = 4

type Write = (schemas: readonly Located[]) => Expression

/** A JSON object: the listed properties in the schema's order, then others, if a schema asks for them or lists none. */
export function objectExpression(limits: ObjectLimits, reader: SchemaReader, write: Write): Expression {
  const { parts, required, minProperties, maxProperties = Infinity } = limits
  const listed = [...new Set([...parts.flatMap(({ properties }) => [...properties.keys()]), ...required])]
  const isPossible = (name: string) => {
    return reader.accepts(limits.names, name) && !reader.property(limits, name).some(({ schema }) => schema === false)
  }
  if (required.some((name) => !isPossible(name))) return NEVER
  const members = listed.filter(isPossible).map((name) => ({
    expression: sequence(text(JSON.stringify(name)), COLON, write(reader.property(limits, name))),
    isRequired: required.includes(name),
  }))
  const others = generatesMore(limits) ? otherMembers(limits, listed, reader, write) : NEVER
  if (others !== NEVER && minProperties > members.length + 1) {
    failAt(
      limits.path,
      phrase`${keyword('minProperties')} is not supported above the number of listed properties and one more`,
    )
  }
  const more = (taken: number): Expression => {
    const missing = Math.max(0, minProperties - taken)
    if (others === NEVER || missing > 1) return missing > 0 ? NEVER : EMPTY
    const most = maxProperties === Infinity ? undefined : maxProperties - taken
    if (taken > 0) return repeat(sequence(COMMA, others), missing, most)
    const some = most === 0 ? NEVER : sequence(others, repeat(sequence(COMMA, others), 0, most && most - 1))
    return missing > 0 ? some : choice(some, EMPTY)
  }
  return sequence(text('{'), choicesInOrder(members, minProperties, maxProperties, more), text('}'))
}

/** A property that no schema lists by its name. */
function otherMembers(limits: ObjectLimits, listed: string[], reader: SchemaReader, write: Write): Expression {
  const { parts, names, path } = limits
  const patterns = [...new Set(parts.flatMap(({ patterns }) => patterns.map(({ pattern }) => pattern)))]
  if (patterns.length > MOST_PATTERNS)
    failAt(path, phrase`more than ${MOST_PATTERNS} ${keyword('patternProperties')} are not supported`)
  const asksForMore = parts.some(({ additional }) => additional !== undefined && additional.schema !== false)
  const listsNone = patterns.length === 0 && listed.length === 0
  const options: Expression[] = []
  for (let set = 0; set < 2 ** patterns.length; set++) {
    const matched = patterns.filter((_, i) => set & (1 << i))
    const schemas = parts.flatMap(({ patterns, additional }) => {
      const own = patterns.filter(({ pattern }) => matched.includes(pattern)).map(({ schema }) => schema)
      return own.length > 0 || !additional ? own : [additional]
    })
    if (schemas.some(({ schema }) => schema === false)) continue
    if (set === 0 && !asksForMore && !listsNone) continue
    const key = keyOf(matched, patterns, listed, names, reader)
    options.push(sequence(key, COLON, write(schemas)))
  }
  return choice(...options)
}

/** Names that match some patterns and not the others, and that no schema lists. */
function keyOf(
  matched: string[],
  patterns: string[],
  listed: string[],
  names: readonly Located[],
  reader: SchemaReader,
): Expression {
  if (patterns.length === 0 && listed.length === 0 && names.length === 0) return ANY_STRING
  let keys = matched.reduce((all, pattern) => all.and(reader.pattern(pattern)), Automaton.of(repeat(ANY, 0)))
  for (const pattern of patterns) if (!matched.includes(pattern)) keys = keys.without(reader.pattern(pattern))
  if (listed.length > 0) keys = keys.without(Automaton.of(choice(...listed.map(text))))
  if (names.length === 0) return jsonString(keys.expression())
  const allowed = reader.cases(names).flatMap((one): Expression[] => {
    if (one.type === 'value') return typeof one.value === 'string' && keys.accepts(one.value) ? [text(one.value)] : []
    return one.type === 'string' ? [keys.and(stringAutomaton(one.limits)).expression()] : []
  })
  return jsonString(choice(...allowed))
}
