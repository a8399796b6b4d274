import type { GenerationDefaults } from '../../../../api/text.js'
import { type GenerationSettings, settle } from '../../../../generation-options.js'
import type { FoundModel } from '../../../../library/resolve-model.js'

/**
 * The settings of a batch's answers, whether an option or the model gives them. Left as typed are those whose absence has
 * an effect of its own: the seed, `stop`, which adds to the model's, and `logprobs`, which adds fields. Prompt lookup
 * changes no answer.
 */
export async function settingEffects(
  typed: Partial<GenerationSettings>,
  found: FoundModel,
): Promise<Partial<GenerationSettings>> {
  const { promptLookupNumTokens: _, ...settled } = settle(typed, await defaultsOf(found))
  const { seed, stop = [], logprobs } = typed
  return { ...settled, context: Math.min(settled.context, found.config.maxPositions ?? Infinity), seed, stop, logprobs }
}

/** The defaults in the folder of a model, or in the header of a GGUF file that is not packed yet. */
async function defaultsOf({ kind, folder, path }: FoundModel): Promise<GenerationDefaults> {
  if (kind === 'gguf') {
    const { describeModel } = await import('../../../../library/load-model.js')
    return (await describeModel(path)).generationDefaults
  }
  const { loadGenerationDefaults } = await import('../../../../text/generation-config.js')
  return loadGenerationDefaults(folder)
}
