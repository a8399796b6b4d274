import type { TokenLogits } from '../../../model/layers/decoder.js'
import { type Demand, Stopped, type Task } from '../reading/demand.js'
import { checkpointsInDrafts } from './checkpoint-positions.js'

/** Drafts that run after the newest tokens of a text. */
export interface DraftedRun {
  drafts: readonly number[]
  takeDraft: (logits: TokenLogits) => void
  ranDrafts: (count: number) => void
  /** Receives the time of a micro-batch that ran only these tokens. */
  timed?: Demand['timed']
}

/** Yields a demand with drafts after its tokens. Returns the number of tokens that have run, without drafts. */
export function* withDrafts(demand: Demand, run: Partial<DraftedRun>): Task<number> {
  const { drafts = [], takeDraft, ranDrafts, timed } = run
  const { tokens, first, cache, marks, take } = demand
  const count = tokens.length
  const end = first + count
  if (drafts.length === 0) return yield { ...demand, timed }
  const drafted: Demand = {
    ...demand,
    tokens: Int32Array.of(...tokens, ...drafts),
    drafts: drafts.length,
    marks: [...marks, ...checkpointsInDrafts(cache.length + count, drafts.length)],
    timed,
    take: (token, logits) => (token < end ? take(token, logits) : takeDraft?.(logits)),
  }
  const before = cache.length
  try {
    const ran: number = yield drafted
    ranDrafts?.(Math.max(0, ran - count))
    return Math.min(ran, count)
  } catch (error) {
    // Drafts must not cause failures that the text alone would not have: there may be no room for them.
    if (error instanceof Stopped || cache.length !== before) throw error
    return yield demand
  }
}
