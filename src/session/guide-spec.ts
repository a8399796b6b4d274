import type { GuideSpec, OutputConstraint } from '../api/guide.js'
import { UsageError } from '../errors.js'
import { constraintGrammar } from '../text/frame/constraint-grammar.js'

/** The guide that generation options ask for; undefined without any. Throws a UsageError for more than one. */
export function guideSpec({ guide, ...constraint }: OutputConstraint & { guide?: GuideSpec }): GuideSpec | undefined {
  const { schema, grammar, regex } = constraint
  const whole = constraintGrammar({ schema, grammar, regex })
  if (whole && guide) throw new UsageError('give `guide`, or one of `schema`, `grammar` and `regex`, not both')
  return whole ? { phases: [{ kind: 'grammar', grammar: whole }] } : guide
}
