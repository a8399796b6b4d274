import type { ExpertUses, Model } from '../../api/model.js'
import { ExpertUsage } from '../../insight/usage/usage.js'
import { type PerMixture, perMixture } from '../../model/config/config.js'

/** Marks kept at once; each has a number per expert. */
const MOST_MARKS = 16

/** Counts of a model at one time. */
interface Mark extends ExpertUses {
  /** Seconds since 1970. */
  time: number
}

/** Named moments in the count of the experts’ uses. All clients share them. */
export class ExpertMarks {
  /** The oldest first. */
  private readonly marks = new Map<string, Mark>()

  constructor(private readonly model: Pick<Model, 'config' | 'expertUses'>) {}

  /** Sets a mark now, in place of one of the same name; beyond the limit the oldest goes. */
  async set(name: string): Promise<Mark> {
    const mark = { ...(await this.model.expertUses()), time: Math.floor(Date.now() / 1000) }
    this.marks.delete(name)
    this.marks.set(name, mark)
    for (const oldest of this.marks.keys()) {
      if (this.marks.size <= MOST_MARKS) break
      this.marks.delete(oldest)
    }
    return mark
  }

  /** Time of a mark in seconds since 1970; undefined if there is none of this name. */
  timeOf(name: string): number | undefined {
    return this.marks.get(name)?.time
  }

  /** Usage since a mark, or since the model was loaded. */
  async usageSince(name?: string): Promise<ExpertUsage> {
    const mark = name === undefined ? undefined : this.marks.get(name)
    const now = await this.model.expertUses()
    const { mixtures } = this.model.config
    const uses: PerMixture<ArrayLike<number>[]> = perMixture(mixtures, ({ kind }) =>
      (now.uses[kind] ?? []).map((counts, layer) => {
        const before = mark?.uses[kind]?.[layer]
        return before ? counts.map((count, expert) => count - before[expert]) : counts
      }),
    )
    return ExpertUsage.counted({ mixtures }, uses, now.tokens - (mark?.tokens ?? 0))
  }
}
