import type { ExpertPlace } from './awake.js'
import type { ExpertUsage } from './usage.js'

/** An expert and the number of tokens that used it. */
export interface RankedExpert extends ExpertPlace {
  count: number
}

/** All experts of a usage, the most used first; of equally used ones, those of earlier layers first. */
export function rankedExperts({ mixtures }: Pick<ExpertUsage, 'mixtures'>): RankedExpert[] {
  const all = mixtures.flatMap(({ kind, layers }) =>
    layers.flatMap(({ counts }, layer) => Array.from(counts, (count, expert) => ({ kind, layer, expert, count }))),
  )
  return all.sort((a, b) => b.count - a.count || a.layer - b.layer)
}
