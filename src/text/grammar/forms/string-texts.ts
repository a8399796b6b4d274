import { UserError } from '../../../ground/errors.js'
import { Automaton } from './automaton.js'
import { type Expression, repeat } from './expression.js'
import { ANY, readSearch } from './read-pattern.js'
import type { StringLimits } from './schema-cases.js'
import { formatExpression } from './string-formats.js'

/** Most characters of a limit that is combined with a pattern. */
const LONGEST_COMBINED = 5000

/** Texts within the limits. Throws a UserError for what is not supported. */
export function stringExpression(limits: StringLimits): Expression {
  const { minLength, maxLength } = limits
  const parts = partsOf(limits)
  const hasLength = minLength > 0 || maxLength !== undefined
  if (parts.length === 0) return lengths(limits)
  return parts.length === 1 && !hasLength ? parts[0] : stringAutomaton(limits).expression()
}

/** The same as an automaton. */
export function stringAutomaton(limits: StringLimits): Automaton {
  const { minLength, maxLength } = limits
  const parts = partsOf(limits)
  if (Math.max(minLength, maxLength ?? 0) > LONGEST_COMBINED) {
    throw new UserError(
      `\`minLength\` and \`maxLength\` above ${LONGEST_COMBINED} are not supported together with a pattern`,
    )
  }
  if (minLength > 0 || maxLength !== undefined || parts.length === 0) parts.push(lengths(limits))
  return parts.map((part) => Automaton.of(part)).reduce((all, part) => all.and(part))
}

function lengths({ minLength, maxLength }: StringLimits): Expression {
  if (maxLength !== undefined && maxLength < minLength) return { kind: 'choice', options: [] }
  return repeat(ANY, minLength, maxLength)
}

function partsOf({ patterns, formats }: StringLimits): Expression[] {
  const texts = formats.map(formatExpression)
  return [...patterns.map(readSearch), ...texts]
}
