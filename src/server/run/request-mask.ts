import type { Model } from '../../api/model.js'
import { UserError } from '../../errors.js'
import { type ExpertMask, layerMasks } from '../../model/expert-mask.js'
import { maskSpecs, parseMask } from '../../model/mask-spec.js'
import type { SessionMask } from '../../session/shared/nearest-session.js'
import { ApiError } from '../common/api-error.js'

/**
 * Reads a request's mask; undefined if it has no experts. `always` is the mask of all requests. Throws an ApiError if the
 * mask is wrong, or if both leave too few experts.
 */
export function requestMask(
  specs: readonly string[] = [],
  { model: { config }, mask: always }: { model: Pick<Model, 'config'>; mask?: ExpertMask },
): SessionMask | undefined {
  if (specs.length === 0) return undefined
  try {
    const mask = parseMask(specs, config)
    layerMasks(always ? [always, mask] : [mask], config)
    return { mask, key: maskSpecs(mask).join(' ') }
  } catch (error) {
    if (!(error instanceof UserError)) throw error
    throw new ApiError(400, error.message, { param: 'mask', code: 'invalid_value' })
  }
}
