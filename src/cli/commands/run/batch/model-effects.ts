import { type GenerationSettings, settle } from '../../../../api/generation-options.js'
import type { LoadOptions } from '../../../../api/model.js'
import type { GenerationDefaults } from '../../../../api/text.js'
import type { ModelFiles } from '../../../../library/files/model-files.js'
import { type ModelConfig, perMixture } from '../../../../model/config/config.js'
import { usedPerToken } from '../../../../model/config/experts-per-token.js'
import { maskSpecs } from '../../../../model/config/mask-spec.js'
import { maskFor, readMaskFiles } from '../../../parsing/mask-option.js'
import { modelName } from '../../../parsing/options.js'

interface ModelChoice extends Pick<LoadOptions, 'quant' | 'expertsPerToken' | 'cacheType'> {
  model?: string
  mask?: string[]
  steer?: string[]
}

/**
 * Finds the model of some options, and what they amount to: options that are typed in different ways have the same
 * effects if the model gives the same answers. Reads no weights. Rejects with a UserError as `loadModel` does if options do
 * not fit the model.
 */
export async function modelEffects({ model, quant, expertsPerToken, cacheType, mask, steer }: ModelChoice) {
  const [{ resolveModel }, { cacheTypeOf }] = await Promise.all([
    import('../../../../library/finding/resolve-model.js'),
    import('../../../../model/families/index.js'),
  ])
  const found = (await resolveModel(modelName(model), quant)).with({ expertsPerToken })
  const { config, formats } = found
  const effects = {
    quant: found.quant,
    experts_per_token: perMixture(config.mixtures, usedPerToken),
    cache_type: cacheTypeOf(config, formats, cacheType),
    mask: await maskEffects({ mask, steer }, config),
  }
  return { found, effects }
}

/** The experts that are off or steered, in order; undefined if there are none. */
async function maskEffects(given: Pick<ModelChoice, 'mask' | 'steer'>, config: ModelConfig) {
  const mask = maskFor(await readMaskFiles(given), config)
  const experts = mask ? maskSpecs(mask) : []
  return mask && experts.length > 0 ? { experts, gates: mask.gates, instead: mask.instead ?? 'others' } : undefined
}

/**
 * The settings of a batch's answers, whether an option or the model gives them. Some stay as typed, since their absence
 * counts, too: the seed, `stop`, which adds to the model's, and `logprobs`, which adds fields. Prompt lookup changes no
 * answer.
 */
export async function settingEffects(
  typed: Partial<GenerationSettings>,
  found: ModelFiles,
): Promise<Partial<GenerationSettings>> {
  const { promptLookupNumTokens: _, ...settled } = settle(typed, await defaultsOf(found))
  const { seed, stop = [], logprobs } = typed
  return { ...settled, context: Math.min(settled.context, found.config.maxPositions ?? Infinity), seed, stop, logprobs }
}

/** The defaults in the folder of a model, or in the header of a GGUF file that is not packed yet. */
async function defaultsOf(found: ModelFiles): Promise<GenerationDefaults> {
  if (found.kind !== 'gguf') return found.generationDefaults()
  const { describeModel } = await import('../../../../library/describe-model.js')
  return (await describeModel(found.path)).generationDefaults
}
