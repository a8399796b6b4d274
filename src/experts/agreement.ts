import type { ExpertRoutes } from '../api/routes.js'
import { UserError } from '../errors.js'
import type { MixtureKind } from '../model/config.js'
import type { TextRoutes } from './text-routes.js'

/** How two models choose among the experts of one kind in one layer. Shares are from 0 to 1. */
export interface LayerAgreement {
  /** Experts of the layer, numbered as in the model that has more; 0 where it has none of this kind. */
  experts: number
  /** Share of the tokens for which both have the same expert with the largest gate. */
  top1: number
  /** Mean share of a token's experts that both choose: those in common, by the larger of the two sets. */
  overlap: number
  /** Share of the other model's choices that fall on experts which the model does not have. */
  missing: number
  /** Per expert, tokens that choose it in the other model, and how many of those choose it in the model too. */
  chosen: Float64Array
  kept: Float64Array
  /** Per expert, whether the model has it, and whether the other does. */
  has: { model: boolean[]; against: boolean[] }
}

/** How alike two models route one text, token by token. */
export interface RoutingAgreement {
  text: TextRoutes
  /** The same text as the other model reads it. */
  against: TextRoutes
  /** Per token, the mean over layers and kinds of the share of its experts that both models choose. */
  perToken: Float64Array
  mixtures: { kind: MixtureKind; layers: LayerAgreement[] }[]
}

/**
 * Compares how two models route the same text. Experts of a pruned model count under the numbers that they had before.
 * Throws a UserError where the two do not have the same tokens, kinds of experts and layers.
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

/** The means over all layers that have experts of a kind. */
export function meanAgreement({ mixtures }: RoutingAgreement, kind: MixtureKind) {
  const layers = mixtures.find((mixture) => mixture.kind === kind)?.layers.filter(({ experts }) => experts > 0) ?? []
  const mean = (of: (layer: LayerAgreement) => number) =>
    layers.reduce((sum, layer) => sum + of(layer), 0) / Math.max(1, layers.length)
  return {
    top1: mean(({ top1 }) => top1),
    overlap: mean(({ overlap }) => overlap),
    missing: mean(({ missing }) => missing),
  }
}

/** Compares one layer; each token's share in common is added to `perToken`. */
function compareLayer(
  { text, against }: Pick<RoutingAgreement, 'text' | 'against'>,
  kind: MixtureKind,
  layer: number,
  perToken: Float64Array,
): LayerAgreement {
  const [own, other] = [numbersOf(text, kind, layer), numbersOf(against, kind, layer)]
  const experts = Math.max(0, ...own, ...other) + (own.length > 0 ? 1 : 0)
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
    if (ids[0] === others[0]) sums.top1++
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

/** The numbers under which a layer's experts are compared: a pruned model's are those that they had before. */
function numbersOf({ usage, model }: TextRoutes, kind: MixtureKind, layer: number): number[] {
  return model.originals?.[kind]?.[layer] ?? Array.from({ length: usage.of(kind, layer).experts }, (_, id) => id)
}

function idsOf(routes: ExpertRoutes | undefined, numbers: readonly number[]): number[] {
  return routes ? Array.from(routes.ids, (id) => numbers[id]) : []
}
