import { type Case, type Located, type ObjectLimits, typeOf } from './schema-keywords.js'
import { stringAutomaton } from './string-texts.js'

interface Reader {
  cases(schemas: readonly Located[]): Case[]
  caseAccepts(one: Case, value: unknown): boolean
  property(limits: ObjectLimits, name: string): Located[]
}

/** Properties within properties that are compared. */
const DEEPEST = 3

/** Whether no value that is generated for `one` is accepted by `other`. False if that is uncertain. */
export function isApart(reader: Reader, one: Case, other: Case, depth = 0): boolean {
  const type = one.type === 'value' ? typeOf(one.value) : one.type
  const otherType = other.type === 'value' ? typeOf(other.value) : other.type
  if (type !== otherType) return true
  if (one.type === 'value') return !reader.caseAccepts(other, one.value)
  if (other.type === 'value') return !reader.caseAccepts(one, other.value)
  if (one.type === 'number' && other.type === 'number') return isBelow(one, other) || isBelow(other, one)
  if (one.type === 'string' && other.type === 'string') {
    return stringAutomaton(one.limits).and(stringAutomaton(other.limits)).isEmpty
  }
  if (one.type === 'array' && other.type === 'array') {
    return (
      (one.limits.maxItems ?? Infinity) < other.limits.minItems ||
      (other.limits.maxItems ?? Infinity) < one.limits.minItems
    )
  }
  if (one.type === 'object' && other.type === 'object') {
    if (depth >= DEEPEST) return false
    const needed = other.limits.required.some((name) => !mayHave(reader, one.limits, name))
    const isUnwanted = one.limits.required.some(
      (name) => reader.cases(reader.property(other.limits, name)).length === 0,
    )
    return (
      needed ||
      isUnwanted ||
      one.limits.required.some((name) => {
        if (!other.limits.required.includes(name) && !isListed(other.limits, name)) return false
        const values = reader.cases(reader.property(one.limits, name))
        const others = reader.cases(reader.property(other.limits, name))
        return values.every((value) => others.every((against) => isApart(reader, value, against, depth + 1)))
      })
    )
  }
  return false
}

type NumberCase = Extract<Case, { type: 'number' }>

function isBelow({ limits: a }: NumberCase, { limits: b }: NumberCase): boolean {
  const [most, least] = [a.maximum ?? Infinity, b.minimum ?? -Infinity]
  const [under, over] = [a.exclusiveMaximum ?? Infinity, b.exclusiveMinimum ?? -Infinity]
  return most < least || under <= least || most <= over || under <= over
}

function isListed({ parts }: ObjectLimits, name: string): boolean {
  return parts.some(({ properties }) => properties.has(name))
}

/** Whether a generated object may have the property: only listed ones are certain not to be others. */
function mayHave(reader: Reader, limits: ObjectLimits, name: string): boolean {
  if (limits.required.includes(name) || isListed(limits, name)) {
    return reader.cases(reader.property(limits, name)).length > 0
  }
  return generatesMore(limits)
}

/** Whether objects get properties that no schema lists: if a schema asks for it, or lists none. */
export function generatesMore({ parts, required }: ObjectLimits): boolean {
  if (parts.some(({ additional }) => additional?.schema === false))
    return parts.some(({ patterns }) => patterns.length > 0)
  const isAsked = parts.some(({ additional, patterns }) => additional !== undefined || patterns.length > 0)
  return isAsked || (required.length === 0 && parts.every(({ properties }) => properties.size === 0))
}
