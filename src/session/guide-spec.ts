import type { Grammar, GuideSpec, OutputConstraint } from '../api/guide.js'
import { UsageError } from '../errors.js'

/** The guide that generation options ask for; undefined without any. Throws a UsageError for more than one. */
export function guideSpec({
  guide,
  schema,
  grammar,
  regex,
}: OutputConstraint & { guide?: GuideSpec }): GuideSpec | undefined {
  const given = Object.entries({ guide, schema, grammar, regex }).filter(([, value]) => value !== undefined)
  if (given.length > 1) {
    throw new UsageError(`give one of ${given.map(([name]) => `\`${name}\``).join(' and ')}, not several`)
  }
  if (guide) return guide
  const whole: Grammar | undefined =
    schema !== undefined
      ? { kind: 'schema', schema }
      : grammar !== undefined
        ? { kind: 'ebnf', text: grammar }
        : regex !== undefined
          ? { kind: 'regex', pattern: regex }
          : undefined
  return whole && { phases: [{ kind: 'grammar', grammar: whole }] }
}
