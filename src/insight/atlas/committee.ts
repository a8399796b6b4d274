import { type MixtureKind, mixtureOf } from '../../model/config/config.js'
import { alwaysChosen } from '../../model/config/routing.js'
import type { NamedUsage } from '../usage/text-routes.js'
import { LayerUsage } from '../usage/usage.js'

/** Experts of one kind in one layer that do much of the work whatever the text. */
export interface Committee {
  kind: MixtureKind
  layer: number
  /** Experts that are in every text's smallest set that does half of the work, the busiest first. */
  members: { expert: number; share: number }[]
  /** Smallest share of the work that the members do together in any of the texts. */
  share: number
  /** Gini coefficient of the experts' shares: 0 if all are used alike, near 1 if one does all the work. */
  gini: number
  /** Jain's fairness index of the experts' shares: 1 if all are used alike. */
  fairness: number
  /** Ids of the experts that every token uses, which do not count. */
  always: number[]
}

/**
 * Finds the committee of each layer and kind, layer by layer. Work is the number of uses of experts by tokens; shares are
 * means over the texts, so that a long text counts no more than a short one. Without a use of an expert there is no entry.
 */
export function committeesOf(texts: readonly NamedUsage[]): Committee[] {
  const [{ usage, model }] = texts
  const layers = Array.from({ length: usage.layers }, (_, layer) => layer)
  return layers.flatMap((layer) =>
    usage.mixtures.flatMap(({ kind }) => {
      const always = alwaysChosen(mixtureOf(model.config, kind) ?? {}, layer)
      const counts = texts.map(({ usage }) => Array.from(usage.of(kind, layer).counts))
      const committee = committeeOf(counts, always)
      return committee ? [{ kind, layer, ...committee, always }] : []
    }),
  )
}

/** The committee of one layer, from each text's counts by expert. Undefined if no expert was used. */
function committeeOf(counts: readonly (readonly number[])[], always: readonly number[]) {
  const shares = counts.map((text) => sharesOf(text, always)).filter((text) => text !== undefined)
  const [first] = shares
  if (!first) return undefined
  const mean = first.map((_, expert) => shares.reduce((sum, text) => sum + text[expert], 0) / shares.length)
  const sets = shares.map(busiestHalf)
  const members = busiestHalf(first)
    .filter((expert) => sets.every((set) => set.includes(expert)))
    .map((expert) => ({ expert, share: mean[expert] }))
    .sort((a, b) => b.share - a.share || a.expert - b.expert)
  const usage = new LayerUsage(mean.length - always.length)
  usage.counts.set(mean.filter((_, expert) => !always.includes(expert)))
  const together = shares.map((text) => members.reduce((sum, { expert }) => sum + text[expert], 0))
  return { members, share: Math.min(...together), gini: usage.gini, fairness: usage.fairness }
}

/** Each expert's share of the work. Undefined if there was none. */
function sharesOf(counts: readonly number[], always: readonly number[]): number[] | undefined {
  const own = counts.map((count, expert) => (always.includes(expert) ? 0 : count))
  const total = own.reduce((sum, count) => sum + count, 0)
  return total === 0 ? undefined : own.map((count) => count / total)
}

/** The fewest experts that do half of the work, the busiest first. */
function busiestHalf(shares: readonly number[]): number[] {
  const ranked = shares
    .map((share, expert) => ({ share, expert }))
    .sort((a, b) => b.share - a.share || a.expert - b.expert)
  let done = 0
  const fewest = ranked.findIndex(({ share }) => {
    done += share
    return done >= 0.5 - ROUNDING
  })
  return ranked.slice(0, fewest + 1).map(({ expert }) => expert)
}

/** Bound of the rounding of a sum of shares. */
const ROUNDING = 1e-9
