import type { GenerateOptions } from '../../../api/generation.js'
import type { GuidePhase, GuideSpec, OutputConstraint } from '../../../api/guide.js'
import { UsageError } from '../../../ground/errors.js'
import { option, phrase } from '../../../ground/message.js'
import type { OpenGuide, OpenGuideOptions } from '../../../text/grammar/guide-client.js'
import { constraintGrammar } from '../../../text/prompt/asked.js'
import type { SessionModel } from './session-model.js'

/** Options that limit a text. */
export type GuideOptions = Pick<GenerateOptions, 'schema' | 'grammar' | 'regex' | 'guide' | 'signal'> & {
  client?: string
}

/** Opens the guide that options ask for; undefined without any. */
export async function openGuide(
  { guides }: Pick<SessionModel, 'guides'>,
  options: GuideOptions,
  text: Pick<OpenGuideOptions, 'eos' | 'maxTokens'>,
): Promise<OpenGuide | undefined> {
  const spec = guideSpec(options)
  if (!spec) return undefined
  if (!guides) throw new UsageError('the model came without tokenizer files, which constraints need')
  return guides.open(spec, { ...text, client: options.client, signal: options.signal })
}

const PHASES: Record<GuidePhase['kind'], true> = { free: true, forced: true, grammar: true, calls: true }

/** The guide that options ask for, if any. Throws a UsageError for more than one, or one without phases. */
function guideSpec({ guide, ...constraint }: OutputConstraint & { guide?: GuideSpec }): GuideSpec | undefined {
  const { schema, grammar, regex } = constraint
  const whole = constraintGrammar({ schema, grammar, regex })
  if (whole && guide)
    throw new UsageError(
      phrase`give ${option('guide')}, or one of ${option('schema')}, ${option('grammar')} and ${option('regex')}, not both`,
    )
  if (guide !== undefined) checkGuide(guide)
  return whole ? { phases: [{ kind: 'grammar', grammar: whole }] } : guide
}

function checkGuide(guide: unknown): void {
  const phases = (guide as GuideSpec | null)?.phases
  if (!Array.isArray(phases))
    throw new UsageError(phrase`${option('guide')} must be an object with a list of ${option('phases')}`)
  for (const [i, phase] of phases.entries()) {
    const kind: unknown = phase?.kind
    if (typeof kind === 'string' && Object.hasOwn(PHASES, kind)) continue
    throw new UsageError(phrase`phase ${i} of ${option('guide')} must have a kind: ${Object.keys(PHASES).join(', ')}`)
  }
}
