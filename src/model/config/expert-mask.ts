import { UsageError, UserError } from '../../ground/errors.js'
import { checkOneOf, shown } from '../../ground/option-checks.js'
import {
  MIXTURE_KINDS,
  type Mixture,
  type MixtureKind,
  type ModelConfig,
  type PerMixture,
  perMixture,
} from './config.js'
import { usedIn } from './experts-per-token.js'
import { alwaysChosen } from './routing.js'

/**
 * Softmax of the remaining experts' gates: over the remaining experts (`kept`) or over all (`all`). Routers with sigmoid
 * scores give the same gates either way.
 */
export type GateSoftmax = 'kept' | 'all'

/**
 * Use of a token that would choose a masked expert: the next best expert of the layer (`others`), nothing, with the
 * other gates unchanged (`nothing`), or the given vector times the expert's gate (`means`: for each kind and layer
 * `width` floats).
 */
export type MaskedUse = 'others' | 'nothing' | { means: PerMixture<Float32Array[]> }

/** Experts that must not be used: their ids by mixture and layer. */
export interface ExpertMask extends PerMixture<number[][]> {
  gates: GateSoftmax
  /** Default: `others`. */
  instead?: MaskedUse
}

export interface LayerMask {
  gates: GateSoftmax
  /** 1 for each expert that the router must not choose; absent if it may choose all. */
  out?: Uint8Array
  /** 1 for each expert whose output is replaced; absent if no output is. */
  replaced?: Uint8Array
  /** Replacement of these outputs [d]; absent: 0. */
  mean?: Float32Array
}

/** Masks of a model, by mixture and layer. A layer without masked experts has no entry. */
export type LayerMasks = PerMixture<(LayerMask | undefined)[]>

/**
 * Joins masks and prepares them for each mixture and layer; of several with `gates` or `means`, the last one counts.
 * Throws a UserError if one does not fit the model, or if they leave too few experts.
 */
export function layerMasks(masks: readonly ExpertMask[], { mixtures, width }: MaskedModel): LayerMasks {
  for (const mask of masks) {
    checkMask(mask)
    const kinds = Object.keys(idsOf(mask))
    const missing = kinds.find((kind) => !mixtures.some((mixture) => mixture.kind === kind))
    if (missing !== undefined) throw new UserError(`the model has no ${missing} experts`)
    for (const { kind, experts } of mixtures) {
      const beyond = mask[kind]?.findIndex((ids, layer) => layer >= experts.length && ids.length > 0) ?? -1
      if (beyond >= 0) throw new UserError(`there is no layer ${beyond}: the model has 0 to ${experts.length - 1}`)
    }
  }
  return perMixture(mixtures, (mixture) => {
    return mixture.experts.map((_, layer) => {
      let joined: LayerMask | undefined
      for (const mask of masks) joined = join(joined, mask, mixture, layer, width)
      if (joined) checkLeft(joined, mixture, layer)
      return joined
    })
  })
}

export function maskedExperts(mask: PerMixture<readonly (readonly number[])[]>): number {
  return MIXTURE_KINDS.reduce((sum, kind) => sum + (mask[kind] ?? []).reduce((all, ids) => all + ids.length, 0), 0)
}

type MaskedModel = Pick<ModelConfig, 'mixtures' | 'width'>

function join(before: LayerMask | undefined, mask: ExpertMask, mixture: Mixture, layer: number, width: number) {
  const { kind, experts } = mixture
  const ids = mask[kind]?.[layer] ?? []
  if (ids.length === 0) return before
  const { gates, instead = 'others' } = mask
  const joined: LayerMask = { ...before, gates }
  const part = instead === 'others' ? 'out' : 'replaced'
  const marked = Uint8Array.from(joined[part] ?? new Uint8Array(experts[layer]))
  joined[part] = marked
  for (const id of ids) {
    if (!(Number.isInteger(id) && id >= 0 && id < marked.length))
      throw new UserError(`layer ${layer} has no ${kind} expert ${id}`)
    marked[id] = 1
  }
  if (typeof instead === 'object') joined.mean = meanOf(instead.means[kind]?.[layer], kind, layer, width)
  return joined
}

function meanOf(mean: Float32Array | undefined, kind: MixtureKind, layer: number, width: number): Float32Array {
  if (mean instanceof Float32Array && mean.length === width) return mean
  throw new UsageError(`\`means\` of a mask must have ${width} floats for the ${kind} experts of layer ${layer}`)
}

/** Checks that a router has enough experts to choose from. */
function checkLeft({ out }: LayerMask, mixture: Mixture, layer: number): void {
  if (!out) return
  const { kind } = mixture
  const needed = alwaysChosen(mixture, layer).find((id) => out[id] === 1)
  if (needed !== undefined) {
    throw new UserError(`${kind} expert ${needed} of layer ${layer} cannot be masked: every token uses it`)
  }
  const left = out.reduce((sum, isOut) => sum - isOut, out.length)
  const k = usedIn(mixture, layer)
  if (left >= k) return
  throw new UserError(`layer ${layer} would have ${left} ${kind} experts left, but a token uses ${k}`)
}

function idsOf({ gates, instead, ...ids }: ExpertMask): PerMixture<number[][]> {
  return ids
}

const GATES: readonly GateSoftmax[] = ['kept', 'all']
const INSTEAD: readonly MaskedUse[] = ['others', 'nothing']

/** Checks a mask from untyped callers; throws a UsageError. */
function checkMask(mask: ExpertMask): void {
  if (typeof mask !== 'object' || mask === null) throw new UsageError(`a mask must be an object, not ${shown(mask)}`)
  const { gates, instead } = mask
  if (gates === undefined) throw new UsageError('a mask must say which `gates` it means: kept or all')
  checkOneOf('gates', gates, GATES)
  const hasMeans = typeof instead === 'object' && instead !== null && typeof instead.means === 'object'
  if (!hasMeans) checkOneOf('instead', instead, INSTEAD)
  for (const [kind, layers] of Object.entries(idsOf(mask))) {
    if (Array.isArray(layers) && layers.every(Array.isArray)) continue
    throw new UsageError(`\`${kind}\` of a mask must be a list of ids for each layer, not ${shown(layers)}`)
  }
}
