import { isObject, isSameJson } from '../../../ground/json/json.js'
import { keyword, phrase } from '../../../ground/message.js'
import { Automaton } from './automaton.js'
import { readSearch } from './read-pattern.js'
import {
  bothOf,
  type Case,
  failAt,
  JSON_TYPES,
  type JsonType,
  type Keywords,
  type Located,
  limitCases,
  listedSchemas,
  type ObjectLimits,
  subschemas,
  typeOf,
} from './schema-keywords.js'
import { isApart } from './schema-overlap.js'
import { References } from './schema-references.js'
import { stringAutomaton } from './string-texts.js'

/** Most cases of a schema: combinations of alternatives multiply. */
const MOST_CASES = 2000

/** Keywords that say nothing about a value, or belong to others. */
const REFUSED = ['$dynamicRef', '$recursiveRef', 'if', 'multipleOf'] as const

export class SchemaReader {
  private readonly known = new Map<string, Case[]>()
  private readonly patterns = new Map<string, Automaton>()

  private readonly references: References

  constructor(root: unknown) {
    this.references = new References(root)
  }

  /** Values that all of the schemas accept. Throws a UserError for what is not supported. */
  cases(schemas: readonly Located[]): Case[] {
    const all = schemas.reduce<Case[]>(
      (cases, schema) => this.both(cases, this.casesOf(schema, []), schema.path),
      anything(),
    )
    return all.some(({ isNamed }) => isNamed) ? all.filter(({ isNamed }) => isNamed) : all
  }

  /** Whether a value is one that all of the schemas accept. */
  accepts(schemas: readonly Located[], value: unknown): boolean {
    return schemas.every((schema) => this.casesOf(schema, []).some((one) => this.caseAccepts(one, value)))
  }

  caseAccepts(one: Case, value: unknown): boolean {
    if (one.type === 'value') return isSameJson(one.value, value)
    if (one.type !== typeOf(value)) return false
    switch (one.type) {
      case 'number': {
        const { isInteger, minimum, maximum, exclusiveMinimum, exclusiveMaximum } = one.limits
        const number = value as number
        const isWithin = number >= (minimum ?? -Infinity) && number <= (maximum ?? Infinity)
        const isBetween = number > (exclusiveMinimum ?? -Infinity) && number < (exclusiveMaximum ?? Infinity)
        return isWithin && isBetween && (!isInteger || Number.isInteger(number))
      }
      case 'string':
        return stringAutomaton(one.limits).accepts(value as string)
      case 'array': {
        const items = value as unknown[]
        const { parts, minItems, maxItems = Infinity, isUnique, contains } = one.limits
        const hasAll = contains.every(
          ({ schema, atLeast }) => items.filter((item) => this.accepts([schema], item)).length >= atLeast,
        )
        const areApart =
          !isUnique || items.every((item, i) => !items.slice(0, i).some((other) => isSameJson(item, other)))
        const areItems = items.every((item, i) =>
          this.accepts(
            parts.flatMap(({ prefix, items }) => prefix[i] ?? items ?? []),
            item,
          ),
        )
        return items.length >= minItems && items.length <= maxItems && hasAll && areApart && areItems
      }
      case 'object': {
        const members = Object.entries(value as object)
        const { required, minProperties, maxProperties = Infinity, names } = one.limits
        return (
          members.length >= minProperties &&
          members.length <= maxProperties &&
          required.every((name) => Object.hasOwn(value as object, name)) &&
          members.every(([name, of]) => this.accepts(names, name) && this.accepts(this.property(one.limits, name), of))
        )
      }
      default:
        return true
    }
  }

  property({ parts }: ObjectLimits, name: string): Located[] {
    return parts.flatMap(({ properties, patterns, additional }) => {
      const own = properties.get(name)
      const matching = patterns.filter(({ pattern }) => this.pattern(pattern).accepts(name)).map(({ schema }) => schema)
      const found = own ? [own, ...matching] : matching
      return found.length > 0 || !additional ? found : [additional]
    })
  }

  /** Texts that a pattern finds a match in. */
  pattern(pattern: string): Automaton {
    const automaton = this.patterns.get(pattern) ?? Automaton.of(readSearch(pattern))
    this.patterns.set(pattern, automaton)
    return automaton
  }

  /** Cases of one schema. `active`: the references that led here. */
  private casesOf(located: Located, active: readonly string[]): Case[] {
    const known = this.known.get(located.path)
    if (known) return known
    const cases = this.read(located, active)
    if (cases.length > MOST_CASES) failAt(located.path, 'it has too many alternatives')
    this.known.set(located.path, cases)
    return cases
  }

  private read({ schema, path }: Located, active: readonly string[]): Case[] {
    if (schema === true) return anything()
    if (schema === false) return []
    if (!isObject(schema)) failAt(path, 'a schema must be an object, true or false')
    if (active.includes(path)) failAt(path, 'it refers to itself before any value')
    const keywords: Keywords = schema
    const inner = [...active, path]
    const refused = REFUSED.find((name) => keywords[name] !== undefined)
    if (refused && !isIdleCondition(keywords)) failAt(path, phrase`${keyword(refused)} is not supported`)
    let cases = this.withValues(limitCases(keywords, path), keywords, path)
    const and = (others: Case[]) => {
      cases = this.both(cases, others, path)
    }
    if (keywords.$ref !== undefined) and(this.casesOf(this.references.resolve(keywords.$ref, path), inner))
    for (const one of listedSchemas(keywords, 'allOf', path) ?? []) and(this.casesOf(one, inner))
    const any = listedSchemas(keywords, 'anyOf', path)
    if (any) and(any.flatMap((one) => asNamed(this.casesOf(one, inner))))
    const single = listedSchemas(keywords, 'oneOf', path)
    if (single) and(this.exactlyOne(single, cases, inner, path))
    if (keywords.not !== undefined) cases = without(cases, keywords.not, path)
    cases = this.withDependencies(cases, keywords, inner, path)
    return withoutUnevaluated(cases, keywords, path)
  }

  private withValues(cases: Case[], { enum: values, const: only }: Keywords, path: string): Case[] {
    if (values !== undefined && !Array.isArray(values)) failAt(path, phrase`${keyword('enum')} must be a list`)
    const lists = [...(values === undefined ? [] : [values as unknown[]]), ...(only === undefined ? [] : [[only]])]
    if (lists.length === 0) return cases
    // Each value is compared with the others.
    if (lists[0].length > MOST_CASES) failAt(path, phrase`${keyword('enum')} may have ${MOST_CASES} values`)
    const unique = lists[0].filter((value, i) => !lists[0].slice(0, i).some((other) => isSameJson(value, other)))
    return unique
      .filter((value) => lists.every((list) => list.some((other) => isSameJson(value, other))))
      .filter((value) => cases.some((one) => this.caseAccepts(one, value)))
      .map((value) => ({ type: 'value', isNamed: true, value }))
  }

  private both(a: readonly Case[], b: readonly Case[], path: string): Case[] {
    const cases: Case[] = []
    for (const one of a) {
      for (const other of b) {
        if (one.type === 'value' || other.type === 'value') {
          const [value, limits] = one.type === 'value' ? [one, other] : [other as typeof one, one]
          if (this.caseAccepts(limits, (value as { value: unknown }).value)) cases.push(value)
        } else {
          const both = bothOf(one, other)
          if (both) cases.push(both)
        }
        if (cases.length > MOST_CASES) failAt(path, 'it has too many alternatives')
      }
    }
    return cases
  }

  /** Cases of the alternatives, if no value that is generated for one is accepted by another. */
  private exactlyOne(alternatives: Located[], own: Case[], active: readonly string[], path: string): Case[] {
    const lists = alternatives.map((one) => this.both(own, this.casesOf(one, active), path))
    return lists.flatMap((list, i) => {
      const others = lists.filter((_, j) => j !== i).flat()
      return list.filter((one) => {
        // A value that another alternative accepts, too, is none.
        if (one.type === 'value' && others.some((other) => this.caseAccepts(other, one.value))) return false
        if (one.type !== 'value' && !one.isNamed && list.some(({ isNamed }) => isNamed)) return false
        if (others.every((other) => isApart(this, one, other))) return true
        return failAt(
          path,
          phrase`${keyword('oneOf')} is not supported if a value may match several of its schemas; ${keyword('anyOf')} is`,
        )
      })
    })
  }

  private withDependencies(cases: Case[], keywords: Keywords, active: readonly string[], path: string): Case[] {
    const schemas = [...subschemas(keywords, 'dependentSchemas', path)]
    const lists = { ...(keywords.dependentRequired as object), ...(keywords.dependencies as object) }
    for (const [name, needed] of Object.entries(lists)) {
      const schema = Array.isArray(needed) ? { required: needed } : needed
      schemas.push([name, { schema, path: `${path}/dependencies/${name}` }])
    }
    let result = cases
    for (const [name, schema] of schemas) {
      const absent: Located = { schema: { properties: { [name]: false } }, path: `${schema.path}#absent` }
      const present: Located = { schema: { required: [name] }, path: `${schema.path}#present` }
      const with_ = this.both(this.both(result, this.casesOf(present, []), path), this.casesOf(schema, active), path)
      result = [
        ...this.both(result, this.casesOf(absent, []), path),
        ...with_.filter(({ type }) => type === 'object' || type === 'value'),
      ]
    }
    return result
  }
}

/** The cases of an alternative. One without keywords names all types: beside others it would lose them. */
function asNamed(cases: readonly Case[]): readonly Case[] {
  return cases.some(({ isNamed }) => isNamed) ? cases : cases.map((one) => ({ ...one, isNamed: true }))
}

function anything(): Case[] {
  return limitCases({}, '')
}

/** Whether an `if` decides nothing. */
function isIdleCondition(keywords: Keywords): boolean {
  const names = REFUSED.filter((name) => keywords[name] !== undefined)
  return names.length === 1 && names[0] === 'if' && keywords.then === undefined && keywords.else === undefined
}

/** Cases without the ones whose type a `not` names. */
function without(cases: Case[], not: unknown, path: string): Case[] {
  if (not === false) return cases
  if (not === true) return []
  const names = typeof not === 'object' && not !== null ? Object.keys(not) : []
  if (not !== null && typeof not === 'object' && names.length === 0) return []
  const { type } = (not ?? {}) as Keywords
  const types: unknown[] = Array.isArray(type) ? type : [type]
  const areTypes = types.every((one) => JSON_TYPES.includes(one as JsonType))
  if (names.join() !== 'type' || !areTypes)
    failAt(path, phrase`${keyword('not')} is not supported, except with a ${keyword('type')} alone`)
  return cases.filter((one) => !types.includes(one.type === 'value' ? typeOf(one.value) : one.type))
}

/** Cases that have nothing beyond the keywords of their own schema, if it says so. */
function withoutUnevaluated(cases: Case[], keywords: Keywords, path: string): Case[] {
  const { unevaluatedProperties, unevaluatedItems } = keywords
  const closes = (value: unknown) => value !== undefined && value !== true
  return cases.map((one) => {
    if (one.type === 'object' && closes(unevaluatedProperties)) {
      const properties = new Map(one.limits.parts.flatMap((part) => [...part.properties]))
      const everything: Located = { schema: true, path: `${path}/unevaluatedProperties#known` }
      const known = new Map([...properties.keys()].map((name) => [name, everything]))
      const isOpen = properties.size === 0 && one.limits.parts.every(({ patterns }) => patterns.length === 0)
      const schema = isOpen ? unevaluatedProperties : false
      const additional = { schema, path: `${path}/unevaluatedProperties${isOpen ? '' : '#none'}` }
      const part = { properties: known, patterns: [], additional }
      return { ...one, limits: { ...one.limits, parts: [...one.limits.parts, part] } }
    }
    if (
      one.type === 'array' &&
      closes(unevaluatedItems) &&
      one.limits.parts.every(({ items }) => items === undefined)
    ) {
      const longest = Math.max(...one.limits.parts.map(({ prefix }) => prefix.length))
      const everything: Located = { schema: true, path: `${path}/unevaluatedItems#known` }
      const items = { schema: unevaluatedItems, path: `${path}/unevaluatedItems` }
      const part = { prefix: Array.from({ length: longest }, () => everything), items }
      return { ...one, limits: { ...one.limits, parts: [...one.limits.parts, part] } }
    }
    return one
  })
}
