import { UsageError, UserError } from '../errors.js'
import { checkOneOf, shown } from '../option-checks.js'
import { type Mixture, type MixtureKind, type ModelConfig, type PerMixture, perMixture } from './config.js'
import { alwaysChosen } from './routing.js'

/**
 * Softmax of the remaining experts' gates: over the remaining experts (`kept`) or over all (`all`). Routers with sigmoid
 * scores give the same gates either way.
 */
export type GateSoftmax = 'kept' | 'all'

/** Experts that must not be chosen: their ids by mixture and layer. */
export interface ExpertMask extends PerMixture<number[][]> {
  gates: GateSoftmax
}

/** A layer's part of a mask, for its router. */
export interface RouterMask {
  /** 1 for each expert that must not be chosen. */
  out: Uint8Array
  gates: GateSoftmax
}

/**
 * Prepares a mask for the routers of each mixture, one per layer. Throws a UserError if it does not fit the model or
 * leaves too few experts.
 */
export function routerMasks(mask: ExpertMask, { mixtures }: ModelConfig): Record<MixtureKind, RouterMask[]> {
  checkMask(mask)
  const { gates, ...masked } = mask
  const missing = Object.keys(masked).find((kind) => !mixtures.some((mixture) => mixture.kind === kind))
  if (missing !== undefined) throw new UserError(`the model has no ${missing} experts`)
  const masks = (mixture: Mixture) =>
    mixture.experts.map((count, layer): RouterMask => {
      const { kind, topK } = mixture
      const ids = masked[kind]?.[layer] ?? []
      const needed = alwaysChosen(mixture, layer).find((id) => ids.includes(id))
      if (needed !== undefined) {
        throw new UserError(`${kind} expert ${needed} of layer ${layer} cannot be masked: every token uses it`)
      }
      const out = new Uint8Array(count)
      for (const id of ids) {
        if (!(Number.isInteger(id) && id >= 0 && id < count))
          throw new UserError(`layer ${layer} has no ${kind} expert ${id}`)
        out[id] = 1
      }
      const left = out.reduce((sum, isOut) => sum - isOut, count)
      if (count === 0 || left >= topK) return { out, gates }
      throw new UserError(`layer ${layer} would have ${left} ${kind} experts left, but a token uses ${topK}`)
    })
  return perMixture(mixtures, masks) as Record<MixtureKind, RouterMask[]>
}

const GATES: readonly GateSoftmax[] = ['kept', 'all']

/** Checks a mask from untyped callers; throws a UsageError. */
function checkMask(mask: ExpertMask): void {
  if (typeof mask !== 'object' || mask === null) throw new UsageError(`a mask must be an object, not ${shown(mask)}`)
  const { gates, ...masked } = mask
  if (gates === undefined) throw new UsageError('a mask must say which `gates` it means: kept or all')
  checkOneOf('gates', gates, GATES)
  for (const [kind, layers] of Object.entries(masked)) {
    if (Array.isArray(layers) && layers.every(Array.isArray)) continue
    throw new UsageError(`\`${kind}\` of a mask must be a list of ids for each layer, not ${shown(layers)}`)
  }
}
