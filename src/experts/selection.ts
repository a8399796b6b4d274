import { UserError } from '../errors.js'
import type { ModelConfig } from '../model/config.js'
import type { ExpertMask, GateSoftmax } from '../model/expert-mask.js'
import { expertScores, type Score } from './saliency.js'
import { EXPERT_KINDS, type ExpertKind, type ExpertUsage } from './usage.js'

/** Ids of the experts that stay, rising, a list a layer. */
export type Selection = Record<ExpertKind, number[][]>

export interface SelectionOptions {
  /** Share of the experts that stay, above 0 and at most 1. */
  keep: number
  by: Score
  /** The kind that is pruned; both without it. */
  only?: ExpertKind
  /**
   * layer: every layer keeps the same share. model: the share holds over all layers of a kind, and each keeps as many as
   * its scores, as shares of the layer's sum, earn it, but never fewer than a token uses.
   */
  budget: 'layer' | 'model'
}

/** Chooses the experts that stay. Throws a UserError when fewer would stay than a token uses. */
export function selectExperts(usage: ExpertUsage, config: ModelConfig, options: SelectionOptions): Selection {
  const { by, only, budget } = options
  const select = (kind: ExpertKind, k: number) => {
    const scores = usage[kind].map((layer) => shares(expertScores(layer, by)))
    if (only !== undefined && only !== kind) return scores.map((layer) => [...layer.keys()])
    return budget === 'layer'
      ? selectPerLayer(scores, kind, k, options.keep)
      : selectOverall(scores, kind, k, options.keep)
  }
  return { attention: select('attention', config.topKAttention), mlp: select('mlp', config.topKMlp) }
}

/** The mask that has the effect of a selection. */
export function maskOf(selection: Selection, config: ModelConfig, gates: GateSoftmax): ExpertMask {
  const out = (kept: number[][], experts: number[]) =>
    experts.map((count, layer) => [...Array(count).keys()].filter((id) => !kept[layer].includes(id)))
  return {
    attention: out(selection.attention, config.attentionExperts),
    mlp: out(selection.mlp, config.mlpExperts),
    gates,
  }
}

/** Shares of the experts, falling from 1, at which a layer's count changes by an eighth or so: points of a curve. */
export function keepShares(config: ModelConfig, only?: ExpertKind): number[] {
  const least = Math.max(
    ...EXPERT_KINDS.filter((kind) => !only || kind === only).map((kind) => leastShare(config, kind)),
  )
  const shares = [1, 0.875, 0.75, 0.625, 0.5, 0.375, 0.25, 0.125].filter((share) => share > least)
  return [...shares, least]
}

/** Smallest share that leaves every layer as many experts of a kind as a token uses. */
function leastShare(config: ModelConfig, kind: ExpertKind): number {
  const [k, counts] =
    kind === 'attention' ? [config.topKAttention, config.attentionExperts] : [config.topKMlp, config.mlpExperts]
  return Math.max(...counts.map((count) => k / count))
}

function selectPerLayer(scores: Float64Array[], kind: ExpertKind, k: number, keep: number): number[][] {
  return scores.map((layer) => {
    const count = Math.round(keep * layer.length)
    if (count < k) throw tooFew(kind, count, k, layer.length)
    return ranked(layer).slice(0, count).sort(rising)
  })
}

function selectOverall(scores: Float64Array[], kind: ExpertKind, k: number, keep: number): number[][] {
  const all = scores.reduce((sum, { length }) => sum + length, 0)
  const wanted = Math.round(keep * all)
  if (wanted < k * scores.length) throw tooFew(kind, Math.floor(wanted / scores.length), k, all / scores.length)
  const kept = scores.map((layer) => ranked(layer).slice(0, k))
  const others = scores
    .flatMap((layer, index) =>
      ranked(layer)
        .slice(k)
        .map((id) => ({ index, id, score: layer[id] })),
    )
    .sort((a, b) => b.score - a.score || a.index - b.index || a.id - b.id)
  for (const { index, id } of others.slice(0, wanted - k * scores.length)) kept[index].push(id)
  return kept.map((ids) => ids.sort(rising))
}

/** Ids by falling score, of equal ones the lower first. */
function ranked(scores: Float64Array): number[] {
  return [...scores.keys()].sort((a, b) => scores[b] - scores[a] || a - b)
}

function shares(scores: Float64Array): Float64Array {
  const sum = scores.reduce((total, score) => total + score, 0)
  return sum === 0 ? scores : scores.map((score) => score / sum)
}

function tooFew(kind: ExpertKind, count: number, k: number, experts: number): UserError {
  const least = Math.ceil((1000 * k) / experts) / 1000
  return new UserError(
    `--keep leaves ${count} of ${experts} ${kind} experts in a layer, but a token uses ${k}; keep at least ${least}`,
  )
}

function rising(a: number, b: number): number {
  return a - b
}
