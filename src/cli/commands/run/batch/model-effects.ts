import type { LoadOptions } from '../../../../api/model.js'
import { type ModelConfig, perMixture } from '../../../../model/config.js'
import { usedPerToken } from '../../../../model/experts-per-token.js'
import { maskSpecs } from '../../../../model/mask-spec.js'
import { maskFor, readMaskFiles } from '../../../parsing/mask-option.js'
import { modelName } from '../../../parsing/options.js'

/** Options of a model, as typed. */
interface ModelChoice extends Pick<LoadOptions, 'quant' | 'expertsPerToken' | 'cacheType'> {
  model?: string
  mask?: string[]
}

/**
 * Finds the model of some options, and what they amount to: options that are typed in different ways have the same
 * effects if the model gives the same answers. Reads no weights. Rejects with a UserError as `loadModel` does if options do
 * not fit the model.
 */
export async function modelEffects({ model, quant, expertsPerToken, cacheType, mask }: ModelChoice) {
  const [{ resolveModel }, { withNumbers }, { cacheTypeOf }] = await Promise.all([
    import('../../../../library/resolve-model.js'),
    import('../../../../library/stored-numbers.js'),
    import('../../../../architectures/index.js'),
  ])
  const found = withNumbers(await resolveModel(modelName(model), quant), expertsPerToken)
  const { config, formats } = found
  const effects = {
    quant: found.quant,
    experts_per_token: perMixture(config.mixtures, usedPerToken),
    cache_type: cacheTypeOf(config, formats, cacheType),
    mask: await maskEffects(mask, config),
  }
  return { found, effects }
}

/** The masked experts, in order; undefined if there are none. */
async function maskEffects(values: string[] | undefined, config: ModelConfig) {
  const mask = maskFor(await readMaskFiles(values), config)
  const experts = mask ? maskSpecs(mask) : []
  return mask && experts.length > 0 ? { experts, gates: mask.gates, instead: mask.instead ?? 'others' } : undefined
}
