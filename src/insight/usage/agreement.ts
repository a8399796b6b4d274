import type { ExpertRoutes } from '../../api/routes.js'
import { UserError } from '../../ground/errors.js'
import type { MixtureKind } from '../../model/config/config.js'
import type { TextRoutes } from './text-routes.js'

/** Agreement of two models on the experts of one kind in one layer. Shares are from 0 to 1. */
export interface LayerAgreement {
  /** Experts of the layer, numbered as in the model that has more; 0 if it has none of this kind. */
  experts: number
  /** Share of the tokens whose first expert is the same in both (see `TextRoutes.first`). */
  top1: number
  /** Mean share of a token's experts that both choose: the common ones, divided by the larger of the two sets. */
  overlap: number
  /** Share of the other model's choices that fall on experts that this model lacks. */
  missing: number
  /** For each expert, the tokens that choose it in the other model. */
  chosen: Float64Array
  /** For each expert, the tokens that choose it in both models. */
  kept: Float64Array
  /** For each expert, whether this model and the other have it. */
  has: { model: boolean[]; against: boolean[] }
}

export interface RoutingAgreement {
  text: TextRoutes
  /** The same text as the other model routes it. */
  against: TextRoutes
  /** For each token, the share of its experts that both models choose: the mean over layers and kinds. */
  perToken: Float64Array
  mixtures: { kind: MixtureKind; layers: LayerAgreement[] }[]
}

/**
 * Compares how two models route the same text. The experts of a pruned model keep the numbers that they had before it
 * was pruned. Throws a UserError if the models differ in their tokens, kinds of experts or layers.
 */
export function compareRouting(text: TextRoutes, against: TextRoutes): RoutingAgreement {
  const [a, b] = [text.model, against.model]
  const sameTokens =
    text.tokens.length === against.tokens.length && text.tokens.every((id, i) => id === against.tokens[i])
  if (!sameTokens) throw new UserError(`${a.name} and ${b.name} have other tokens, so their routing cannot be compared`)
  const shape = ({ usage }: TextRoutes) =>
    usage.mixtures.map(({ kind, layers }) => `${kind} ${layers.map(({ experts }) => (experts > 0 ? 1 : 0)).join('')}`)
  if (shape(text).join() !== shape(against).join()) {
    throw new UserError(`${a.name} and ${b.name} do not have experts of the same kinds in the same layers`)
  }
  const perToken = new Float64Array(text.tokens.length)
  const mixtures = text.usage.mixtures.map(({ kind, layers }) => ({
    kind,
    layers: layers.map((_, layer) => compareLayer({ text, against }, kind, layer, perToken)),
  }))
  const compared = mixtures.flatMap(({ layers }) => layers).filter(({ experts }) => experts > 0).length
  return { text, against, perToken: perToken.map((sum) => sum / Math.max(1, compared)), mixtures }
}

/** Means over the layers that have experts of a kind: all of them, or those `among` some. */
export function meanAgreement({ mixtures }: RoutingAgreement, kind: MixtureKind, among?: readonly number[]) {
  const all = mixtures.find((mixture) => mixture.kind === kind)?.layers ?? []
  const layers = all.filter(({ experts }, layer) => experts > 0 && (among?.includes(layer) ?? true))
  const mean = (of: (layer: LayerAgreement) => number) =>
    layers.reduce((sum, layer) => sum + of(layer), 0) / Math.max(1, layers.length)
  return {
    top1: mean(({ top1 }) => top1),
    overlap: mean(({ overlap }) => overlap),
    missing: mean(({ missing }) => missing),
  }
}

/** Compares one layer, and adds each token's overlap to `perToken`. */
function compareLayer(
  { text, against }: Pick<RoutingAgreement, 'text' | 'against'>,
  kind: MixtureKind,
  layer: number,
  perToken: Float64Array,
): LayerAgreement {
  const [own, other] = [numbersOf(text, kind, layer), numbersOf(against, kind, layer)]
  const experts = Math.max(0, ...own, ...other) + (own.length > 0 ? 1 : 0)
  const firstOf = (text: TextRoutes, token: number, numbers: readonly number[]) => {
    const first = text.first(token, layer, kind)
    return first && numbers[first.id]
  }
  const among = (ids: readonly number[]) => {
    const known = new Set(ids)
    return Array.from({ length: experts }, (_, id) => known.has(id))
  }
  const has = { model: among(own), against: among(other) }
  const [chosen, kept] = [new Float64Array(experts), new Float64Array(experts)]
  const sums = { top1: 0, overlap: 0, missing: 0, choices: 0 }
  for (let token = 0; token < text.tokens.length && experts > 0; token++) {
    const ids = idsOf(text.chosen(token, layer, kind), own)
    const others = idsOf(against.chosen(token, layer, kind), other)
    const common = others.filter((id) => ids.includes(id))
    if (firstOf(text, token, own) === firstOf(against, token, other)) sums.top1++
    const overlap = common.length / Math.max(ids.length, others.length)
    sums.overlap += overlap
    perToken[token] += overlap
    sums.missing += others.filter((id) => !has.model[id]).length
    sums.choices += others.length
    for (const id of others) chosen[id]++
    for (const id of common) kept[id]++
  }
  const tokens = Math.max(1, text.tokens.length)
  return {
    experts,
    top1: sums.top1 / tokens,
    overlap: sums.overlap / tokens,
    missing: sums.missing / Math.max(1, sums.choices),
    chosen,
    kept,
    has,
  }
}

/** Numbers to compare a layer's experts by: in a pruned model their numbers before it was pruned. */
function numbersOf({ usage, model }: TextRoutes, kind: MixtureKind, layer: number): number[] {
  return model.originals?.[kind]?.[layer] ?? Array.from({ length: usage.of(kind, layer).experts }, (_, id) => id)
}

function idsOf(routes: ExpertRoutes | undefined, numbers: readonly number[]): number[] {
  return routes ? Array.from(routes.ids, (id) => numbers[id]) : []
}
