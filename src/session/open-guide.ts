import type { GenerateOptions } from '../api/generation.js'
import { UsageError } from '../errors.js'
import type { OpenGuide, OpenGuideOptions } from '../grammar/guides.js'
import { guideSpec } from './guide-spec.js'
import type { SessionModel } from './session-model.js'

/** Options that limit a text. */
export type GuideOptions = Pick<GenerateOptions, 'schema' | 'grammar' | 'regex' | 'guide' | 'signal'>

/** Opens the guide that options ask for; undefined without any. */
export async function openGuide(
  { guides }: Pick<SessionModel, 'guides'>,
  options: GuideOptions,
  text: Pick<OpenGuideOptions, 'eos' | 'maxTokens'>,
): Promise<OpenGuide | undefined> {
  const spec = guideSpec(options)
  if (!spec) return undefined
  if (!guides) throw new UsageError('the model came without tokenizer files, which constraints need')
  return guides.open(spec, { ...text, signal: options.signal })
}
