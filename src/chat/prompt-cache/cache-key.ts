import type { Model } from '../../api/model.js'
import { sha256Hex } from '../../ground/platform/checksums.js'
import { molmVersion } from '../../ground/version.js'
import type { ExpertMask } from '../../model/config/expert-mask.js'
import { maskSpecs } from '../../model/config/mask-spec.js'

/**
 * Identifies all that the values in a cache depend on, other than the tokens: weights, masked experts, experts per token,
 * the format of the cache, and this version of molm. Undefined if a mask replaces outputs or has
 * interventions, which have no short description.
 */
export async function cacheKey(model: Model, mask?: ExpertMask): Promise<string | undefined> {
  const masks = [model.mask, mask].map(maskText)
  if (masks.includes(undefined)) return undefined
  const parts = [molmVersion(), await model.weightsId(), model.config.mixtures, masks, model.cacheType]
  return sha256Hex(Buffer.from(JSON.stringify(parts)))
}

/** Equal for masks with the same effect; undefined for one without a short description. */
function maskText(mask?: ExpertMask): string | undefined {
  if (!mask) return ''
  const { gates, instead = 'others', interventions } = mask
  return typeof instead === 'object' || interventions ? undefined : JSON.stringify([maskSpecs(mask), gates, instead])
}
