import type { GuidePhase, GuideSpec, OutputConstraint } from '../api/guide.js'
import { UsageError } from '../errors.js'
import { constraintGrammar } from '../text/frame/asked.js'

const PHASES: Record<GuidePhase['kind'], true> = { free: true, forced: true, grammar: true, calls: true }

/**
 * The guide that generation options ask for; undefined without any. Throws a UsageError for more than one, or one without
 * phases.
 */
export function guideSpec({ guide, ...constraint }: OutputConstraint & { guide?: GuideSpec }): GuideSpec | undefined {
  const { schema, grammar, regex } = constraint
  const whole = constraintGrammar({ schema, grammar, regex })
  if (whole && guide) throw new UsageError('give `guide`, or one of `schema`, `grammar` and `regex`, not both')
  if (guide !== undefined) checkGuide(guide)
  return whole ? { phases: [{ kind: 'grammar', grammar: whole }] } : guide
}

function checkGuide(guide: unknown): void {
  const phases = (guide as GuideSpec | null)?.phases
  if (!Array.isArray(phases)) throw new UsageError('`guide` must be an object with a list of `phases`')
  for (const [i, phase] of phases.entries()) {
    const kind: unknown = phase?.kind
    if (typeof kind === 'string' && Object.hasOwn(PHASES, kind)) continue
    throw new UsageError(`phase ${i} of \`guide\` must have a kind: ${Object.keys(PHASES).join(', ')}`)
  }
}
