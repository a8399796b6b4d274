import { UserError } from '../../ground/errors.js'
import { option, phrase } from '../../ground/message.js'
import {
  type Mixture,
  type MixtureKind,
  type ModelConfig,
  type PerMixture,
  perMixture,
} from '../../model/config/config.js'
import type { ExpertMask, GateSoftmax } from '../../model/config/expert-mask.js'
import { alwaysChosen } from '../../model/config/routing.js'
import type { ExpertScores, Score } from './saliency.js'

/** Ids of the kept experts, in rising order: for each mixture a list per layer. */
export type Selection = PerMixture<number[][]>

export interface SelectionOptions {
  /** Share of the experts to keep, above 0 and at most 1. */
  keep: number
  by: Score
  /** Kind of experts to prune. Default: all. */
  only?: MixtureKind
  /**
   * layer: every layer keeps the share. model: all layers of a kind together keep it. Scores then decide how many
   * experts each layer keeps, but never fewer than a token uses: scores of an ablation as they are, all others as shares
   * of their layer's sum.
   */
  budget: 'layer' | 'model'
}

/** Chooses the experts to keep. Throws a UserError if a layer would keep fewer than a token uses. */
export function selectExperts(allScores: ExpertScores, config: ModelConfig, options: SelectionOptions): Selection {
  const { by, only, budget } = options
  checkKind(config, only)
  return perMixture(config.mixtures, (mixture) => {
    const { kind, topK } = mixture
    const scores = comparedScores(allScores, mixture, by)
    if (only !== undefined && only !== kind) return scores.map((layer) => [...layer.keys()])
    return (budget === 'layer' ? selectPerLayer : selectOverall)(scores, kind, topK, options.keep)
  })
}

/** Ids of each layer's experts by falling score; experts that every token uses come first. */
export function rankExperts(scores: ExpertScores, { mixtures }: ModelConfig, by: Score): Selection {
  return perMixture(mixtures, (mixture) => comparedScores(scores, mixture, by).map(ranked))
}

/** The first `counts` experts of each layer's ranking. */
export function firstOf(rankings: Selection, { mixtures }: ModelConfig, counts: PerMixture<number[]>): Selection {
  return perMixture(mixtures, ({ kind }) =>
    (rankings[kind] ?? []).map((ids, layer) => ids.slice(0, counts[kind]?.[layer]).sort((a, b) => a - b)),
  )
}

export function countsOf(selection: Selection, { mixtures }: ModelConfig): PerMixture<number[]> {
  return perMixture(mixtures, ({ kind }) => selection[kind]?.map(({ length }) => length) ?? [])
}

/** Scores of each layer's experts, in a form that can be compared between layers. */
function comparedScores(allScores: ExpertScores, mixture: Mixture, by: Score): Float64Array[] {
  return mixture.experts.map((_, layer) => {
    const always = alwaysChosen(mixture, layer)
    const ofLayer = allScores[mixture.kind]?.[layer] ?? new Float64Array(0)
    const compared = by === 'ablation' ? ofLayer : shares(ofLayer, always)
    return compared.map((score, id) => (always.includes(id) ? Number.POSITIVE_INFINITY : score))
  })
}

/** Throws a UserError if a model has no experts of a kind, or none at all, or if their groups fix their number. */
export function checkKind({ mixtures }: Pick<ModelConfig, 'mixtures'>, only?: MixtureKind): void {
  const found = mixtures.filter(({ kind }) => only === undefined || kind === only)
  if (found.some(({ routing }) => routing?.groups)) {
    throw new UserError('the model’s routers choose experts by groups, so their number cannot change')
  }
  if (found.length > 0) return
  throw new UserError(`the model has no ${only === undefined ? '' : `${only} `}experts`)
}

export function maskOf(selection: Selection, config: ModelConfig, gates: GateSoftmax): ExpertMask {
  const out = ({ kind, experts }: Mixture) =>
    experts.map((count, layer) => [...Array(count).keys()].filter((id) => !selection[kind]?.[layer].includes(id)))
  return { ...perMixture(config.mixtures, out), gates }
}

/** Shares for a pruning curve, in falling order from 1, about an eighth apart, down to the smallest possible one. */
export function keepShares(config: ModelConfig, only?: MixtureKind): number[] {
  checkKind(config, only)
  const least = Math.max(...config.mixtures.filter(({ kind }) => !only || kind === only).map(leastShare))
  const shares = [1, 0.875, 0.75, 0.625, 0.5, 0.375, 0.25, 0.125].filter((share) => share > least)
  return [...shares, least]
}

/** Smallest share that leaves every layer the experts that a token uses. */
function leastShare({ topK, experts }: Mixture): number {
  return experts.reduce((most, count) => (count > 0 ? Math.max(most, topK / count) : most), 0)
}

function selectPerLayer(scores: Float64Array[], kind: MixtureKind, k: number, keep: number): number[][] {
  return scores.map((layer) => {
    const count = Math.round(keep * layer.length)
    if (layer.length > 0 && count < k) throw tooFew(kind, count, k, layer.length)
    return ranked(layer)
      .slice(0, count)
      .sort((a, b) => a - b)
  })
}

function selectOverall(scores: Float64Array[], kind: MixtureKind, k: number, keep: number): number[][] {
  const all = scores.reduce((sum, { length }) => sum + length, 0)
  const wanted = Math.round(keep * all)
  const layers = scores.filter(({ length }) => length > 0).length
  if (wanted < k * layers) throw tooFew(kind, Math.floor(wanted / layers), k, all / layers)
  const kept = scores.map((layer) => ranked(layer).slice(0, k))
  const others = scores
    .flatMap((layer, index) =>
      ranked(layer)
        .slice(k)
        .map((id) => ({ index, id, score: layer[id] })),
    )
    .sort((a, b) => b.score - a.score || a.index - b.index || a.id - b.id)
  for (const { index, id } of others.slice(0, wanted - k * layers)) kept[index].push(id)
  return kept.map((ids) => ids.sort((a, b) => a - b))
}

/** Ids by falling score; of equal scores the lower id comes first. */
function ranked(scores: Float64Array): number[] {
  return [...scores.keys()].sort((a, b) => scores[b] - scores[a] || a - b)
}

/** Scores as shares of their sum; scores of `always` do not count. */
function shares(scores: Float64Array, always: readonly number[]): Float64Array {
  const sum = scores.reduce((total, score, id) => (always.includes(id) ? total : total + score), 0)
  return sum === 0 ? scores : scores.map((score) => score / sum)
}

function tooFew(kind: MixtureKind, count: number, k: number, experts: number): UserError {
  const least = Math.ceil((1000 * k) / experts) / 1000
  return new UserError(
    phrase`${option('keep')} leaves ${count} of ${experts} ${kind} experts in a layer, but a token uses ${k}; keep at least ${least}`,
  )
}
