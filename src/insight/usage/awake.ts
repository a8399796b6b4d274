import type { MixtureKind } from '../../model/config/config.js'
import type { ExpertUsage } from './usage.js'

export interface ExpertPlace {
  kind: MixtureKind
  layer: number
  expert: number
}

/** An expert as a mask names it: `4:mlp:4`. */
export function maskSpecOf({ layer, kind, expert }: ExpertPlace): string {
  return `${layer}:${kind}:${expert}`
}

export function everyExpert({ mixtures }: Pick<ExpertUsage, 'mixtures'>): ExpertPlace[] {
  return mixtures.flatMap(({ kind, layers }) =>
    layers.flatMap(({ experts }, layer) => Array.from({ length: experts }, (_, expert) => ({ kind, layer, expert }))),
  )
}

/** Numbers of experts of a model that a text woke, and that it did not. */
export interface Awake {
  /** All experts of the model, in all layers and of all kinds. */
  experts: number
  woke: number
  slept: number
  /** The fewest experts that did half of the work: uses of an expert by a token. */
  committee: number
}

export function awakeIn({ mixtures }: Pick<ExpertUsage, 'mixtures'>): Awake {
  const counts = mixtures.flatMap(({ layers }) => layers.flatMap(({ counts }) => [...counts]))
  const woke = counts.filter((count) => count > 0).length
  return { experts: counts.length, woke, slept: counts.length - woke, committee: fewestForHalf(counts) }
}

/** Describes a usage in one sentence: `208 of 240 experts woke; 44 of them did half of the work`. */
export function awakeSentence(usage: Pick<ExpertUsage, 'mixtures'>): string {
  const { experts, woke, committee } = awakeIn(usage)
  const [some, all, few] = [woke, experts, committee].map((count) => count.toLocaleString('en-US'))
  return woke === 0
    ? `none of ${all} experts woke`
    : `${some} of ${all} experts woke; ${few} of them did half of the work`
}

function fewestForHalf(counts: readonly number[]): number {
  const sorted = Float64Array.from(counts).sort()
  const half = sorted.reduce((sum, count) => sum + count, 0) / 2
  let fewest = 0
  for (let sum = 0; sum < half; fewest++) sum += sorted[sorted.length - 1 - fewest]
  return fewest
}

export interface RankedExpert extends ExpertPlace {
  count: number
}

/** All experts of a usage, the most used first; equally used ones in the order of their layers. */
export function rankedExperts(usage: ExpertUsage): RankedExpert[] {
  const all = everyExpert(usage).map((place) => ({
    ...place,
    count: usage.of(place.kind, place.layer).counts[place.expert],
  }))
  return all.sort((a, b) => b.count - a.count || a.layer - b.layer)
}
