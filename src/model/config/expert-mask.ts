import { UsageError, UserError } from '../../ground/errors.js'
import { isCount, isNumber, listOf } from '../../ground/json/forms.js'
import { isObject } from '../../ground/json/json.js'
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
import { changesIn, checkInterventions, type Intervention, type TokenChanges } from './intervention.js'
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

/** A change of an expert's score before the choice. */
export interface ExpertPush {
  id: number
  /**
   * Added to the expert's logit, in units of the spread of the token's logits: their standard deviation over the layer's
   * experts. `always`: the logit becomes larger than all others.
   */
  by: number | 'always'
}

/** Changes of a model for a sequence: experts that must not be used, their ids by mixture and layer, and others. */
export interface ExpertMask extends PerMixture<number[][]> {
  gates: GateSoftmax
  /** Default: `others`. */
  instead?: MaskedUse
  /** Experts that are steered. */
  pushes?: PerMixture<ExpertPush[][]>
  interventions?: readonly Intervention[]
}

export interface LayerMask {
  gates: GateSoftmax
  /** 1 for each expert that the router must not choose; absent if it may choose all. */
  out?: Uint8Array
  /** Push of each expert's logit, in units of their spread; Infinity for `always`. Absent if none is steered. */
  pushes?: Float64Array
  /** Absent if no intervention is in the layer's experts. */
  changes?: TokenChanges
}

/** Masks of a model, by mixture and layer. A layer without masked experts has no entry. */
export interface LayerMasks extends PerMixture<(LayerMask | undefined)[]> {
  /** Interventions in the residual stream after each layer. */
  residual?: (TokenChanges | undefined)[]
}

/**
 * Joins masks and prepares them for each mixture and layer; of several with `gates` or `means`, the last one counts.
 * Throws a UserError if one does not fit the model, or if they leave too few experts.
 */
export function layerMasks(masks: readonly ExpertMask[], model: MaskedModel): LayerMasks {
  const { mixtures, layers } = model
  for (const mask of masks) {
    checkMask(mask)
    if (mask.interventions !== undefined) checkInterventions(mask.interventions, model)
    const kinds = [...Object.keys(idsOf(mask)), ...Object.keys(mask.pushes ?? {})]
    const missing = kinds.find((kind) => !mixtures.some((mixture) => mixture.kind === kind))
    if (missing !== undefined) throw new UserError(`the model has no ${missing} experts`)
    for (const { kind, experts } of mixtures) {
      const lists: unknown[][] = [mask[kind] ?? [], mask.pushes?.[kind] ?? []]
      const beyond = Math.max(...lists.map((list) => list.length)) - 1
      if (beyond >= experts.length)
        throw new UserError(`there is no layer ${beyond}: the model has 0 to ${experts.length - 1}`)
    }
  }
  const interventions = masks.flatMap((mask) => [...replacements(mask, model), ...(mask.interventions ?? [])])
  const byMixture = perMixture(mixtures, (mixture) => {
    return mixture.experts.map((_, layer) => {
      let joined: LayerMask | undefined
      for (const mask of masks) {
        joined = join(joined, mask, mixture, layer)
        joined = joinPushes(joined, mask, mixture, layer)
      }
      if (joined) checkLeft(joined, mixture, layer)
      const changes = changesIn(interventions, { layer, part: mixture.kind }, model)
      return changes ? { gates: 'all' as const, ...joined, changes } : joined
    })
  })
  if (!interventions.some(({ part }) => part === 'residual')) return byMixture
  const residualIn = (layer: number) => changesIn(interventions, { layer, part: 'residual' }, model)
  return { ...byMixture, residual: Array.from({ length: layers }, (_, layer) => residualIn(layer)) }
}

/** A mask with interventions besides its own. */
export function withInterventions(
  mask: ExpertMask | undefined,
  interventions: readonly Intervention[] | undefined,
): ExpertMask | undefined {
  if (!interventions) return mask
  const joined = mask?.interventions ? [...mask.interventions, ...interventions] : interventions
  return { gates: 'all', ...mask, interventions: joined }
}

/** Whether masks leave each token enough experts. */
export function masksFit(masks: readonly ExpertMask[], model: MaskedModel): boolean {
  try {
    layerMasks(masks, model)
    return true
  } catch (error) {
    if (error instanceof UserError) return false
    throw error
  }
}

export function maskedExperts(mask: PerMixture<readonly (readonly number[])[]>): number {
  return MIXTURE_KINDS.reduce((sum, kind) => sum + (mask[kind] ?? []).reduce((all, ids) => all + ids.length, 0), 0)
}

type MaskedModel = Pick<ModelConfig, 'mixtures' | 'width' | 'layers'>

function join(before: LayerMask | undefined, mask: ExpertMask, mixture: Mixture, layer: number) {
  const { kind, experts } = mixture
  const ids = mask[kind]?.[layer] ?? []
  if (ids.length === 0) return before
  const { gates, instead = 'others' } = mask
  const joined: LayerMask = { ...before, gates }
  for (const id of ids) checkExpert(id, kind, layer, experts[layer])
  if (instead !== 'others') return joined
  joined.out = Uint8Array.from(before?.out ?? new Uint8Array(experts[layer]))
  for (const id of ids) joined.out[id] = 1
  return joined
}

/** Interventions that replace outputs of a mask's experts; none if tokens use other experts. */
function replacements({ instead = 'others', ...mask }: ExpertMask, { mixtures, width }: MaskedModel): Intervention[] {
  if (instead === 'others') return []
  return mixtures.flatMap(({ kind: part }) =>
    (mask[part] ?? []).flatMap((ids, layer) => {
      if (ids.length === 0) return []
      const replace = instead === 'nothing' ? 'zero' : meanOf(instead.means[part]?.[layer], part, layer, width)
      return ids.map((expert) => ({ layer, part, expert, replace }))
    }),
  )
}

function joinPushes(before: LayerMask | undefined, mask: ExpertMask, { kind, experts }: Mixture, layer: number) {
  const list = mask.pushes?.[kind]?.[layer] ?? []
  if (list.length === 0) return before
  const pushes = Float64Array.from(before?.pushes ?? new Float64Array(experts[layer]))
  for (const { id, by } of list) {
    checkExpert(id, kind, layer, experts[layer])
    pushes[id] += by === 'always' ? Infinity : by
  }
  return { gates: mask.gates, ...before, pushes }
}

function checkExpert(id: number, kind: MixtureKind, layer: number, experts: number): void {
  if (Number.isInteger(id) && id >= 0 && id < experts) return
  throw new UserError(`layer ${layer} has no ${kind} expert ${id}`)
}

function meanOf(mean: Float32Array | undefined, kind: MixtureKind, layer: number, width: number): Float32Array {
  if (mean instanceof Float32Array && mean.length === width) return mean
  throw new UsageError(`\`means\` of a mask must have ${width} floats for the ${kind} experts of layer ${layer}`)
}

/** Checks that a router has enough experts to choose from. */
function checkLeft({ out, pushes }: LayerMask, mixture: Mixture, layer: number): void {
  const { kind } = mixture
  const free = usedIn(mixture, layer) - alwaysChosen(mixture, layer).length
  const always = pushes?.reduce((sum, by) => sum + Number(by === Infinity), 0) ?? 0
  if (always > free) {
    throw new UserError(
      `${always} ${kind} experts of layer ${layer} are steered to always, but a token chooses ${free}`,
    )
  }
  if (!out) return
  const needed = alwaysChosen(mixture, layer).find((id) => out[id] === 1)
  if (needed !== undefined) {
    throw new UserError(`${kind} expert ${needed} of layer ${layer} cannot be masked: every token uses it`)
  }
  const left = out.reduce((sum, isOut) => sum - isOut, out.length)
  const k = usedIn(mixture, layer)
  if (left >= k) return
  throw new UserError(`layer ${layer} would have ${left} ${kind} experts left, but a token uses ${k}`)
}

function idsOf({ gates, instead, pushes, interventions, ...ids }: ExpertMask): PerMixture<number[][]> {
  return ids
}

function isPush(value: unknown): value is ExpertPush {
  return isObject(value) && isCount(value.id) && (value.by === 'always' || isNumber(value.by))
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
  for (const layers of Object.values(mask.pushes ?? {})) {
    if (listOf(listOf(isPush))(layers)) continue
    throw new UsageError(`\`pushes\` of a mask must be lists of { id, by } for each layer, not ${shown(layers)}`)
  }
  for (const [kind, layers] of Object.entries(idsOf(mask))) {
    if (Array.isArray(layers) && layers.every(Array.isArray)) continue
    throw new UsageError(`\`${kind}\` of a mask must be a list of ids for each layer, not ${shown(layers)}`)
  }
}
