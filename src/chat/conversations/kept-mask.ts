import type { Model } from '../../api/model.js'
import { UserError } from '../../ground/errors.js'
import { plural } from '../../ground/numbers.js'
import { type ExpertMask, layerMasks, maskedExperts } from '../../model/config/expert-mask.js'
import { maskInWords, maskState, steeredExperts } from '../../model/config/mask-spec.js'
import { readMask } from '../../model/config/read-mask.js'
import type { KeptMask } from './conversation-state.js'

/**
 * The mask of a kept conversation, and a sentence for the user who continues it; neither if all experts are on, and only
 * the sentence if the mask does not fit the model. `unmask` is how experts are switched on.
 */
export function readKeptMask(
  kept: KeptMask = [],
  { config, name }: Pick<Model, 'config' | 'name'>,
  unmask = '/unmask',
): { mask?: ExpertMask; sentence?: string } {
  try {
    const mask = readMask(kept, 'mask', config)
    layerMasks([mask], config)
    const count = maskedExperts(mask) + steeredExperts(mask)
    if (count === 0) return {}
    const [are, them] = count === 1 ? ['is', 'it'] : ['are', 'them']
    const state = maskState(mask)
    const experts = `${plural(count, 'expert')} ${are} ${state}, as before: ${maskInWords(mask)}`
    return { mask, sentence: `${experts}; ${unmask} ${state === 'off' ? `switches ${them} on` : `frees ${them}`}` }
  } catch (error) {
    if (!(error instanceof UserError)) throw error
    return { sentence: `the experts that were off do not fit ${name}: all are on` }
  }
}
