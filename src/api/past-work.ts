import { type Mixture, type PerMixture, perMixture } from '../model/config/config.js'
import type { ExpertUses, MemoryStats } from './model.js'

/** Counts of a model's work. */
const COUNTS = ['expertHits', 'expertMisses', 'bytesRead', 'microBatches', 'tokensProcessed'] as const

/** Work of engines that have ended, to be added to the work of the next one. */
export class PastWork {
  private readonly counts = COUNTS.map(() => 0)
  private uses: ExpertUses = { tokens: 0, uses: {} }

  /** Adds the work of an engine. */
  add(stats: MemoryStats, uses: ExpertUses): void {
    for (const [i, name] of COUNTS.entries()) this.counts[i] += stats[name]
    this.uses = this.withUses(uses)
  }

  /** `stats` with the past counts added. */
  withStats(stats: MemoryStats): MemoryStats {
    return { ...stats, ...Object.fromEntries(COUNTS.map((name, i) => [name, stats[name] + this.counts[i]])) }
  }

  /** The past uses alone, of a model with these mixtures. */
  total(mixtures: readonly Mixture[]): ExpertUses {
    return this.withUses({
      tokens: 0,
      uses: perMixture(mixtures, ({ experts }) => experts.map((count) => new Float64Array(count))),
    })
  }

  /** `now` with the past uses added. */
  withUses(now: ExpertUses): ExpertUses {
    const kinds = Object.keys(now.uses) as (keyof PerMixture<unknown>)[]
    const uses = kinds.map((kind) => {
      const layers = now.uses[kind]?.map((counts, layer) => {
        const before = this.uses.uses[kind]?.[layer]
        return before ? counts.map((count, expert) => count + before[expert]) : counts
      })
      return [kind, layers]
    })
    return { tokens: now.tokens + this.uses.tokens, uses: Object.fromEntries(uses) }
  }
}
