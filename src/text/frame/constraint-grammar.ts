import type { Grammar, OutputConstraint } from '../../api/guide.js'
import { UsageError } from '../../errors.js'

/** The grammar of a constraint; undefined without any. Throws a UsageError for more than one, or for one of a wrong type. */
export function constraintGrammar({ schema, grammar, regex }: OutputConstraint): Grammar | undefined {
  const given = Object.entries({ schema, grammar, regex }).filter(([, value]) => value !== undefined)
  if (given.length > 1) {
    throw new UsageError(`give one of ${given.map(([name]) => `\`${name}\``).join(' and ')}, not several`)
  }
  for (const [name, value] of given) {
    if (name === 'schema' || typeof value === 'string') continue
    const advice = value instanceof RegExp ? ', like the `source` of a RegExp' : ''
    throw new UsageError(`\`${name}\` must be a text${advice}`)
  }
  if (schema !== undefined) return { kind: 'schema', schema }
  if (grammar !== undefined) return { kind: 'ebnf', text: grammar }
  return regex === undefined ? undefined : { kind: 'regex', pattern: regex }
}
