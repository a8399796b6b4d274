import { UserError } from '../../errors.js'
import { formatSize } from '../../numbers.js'
import type { Layout } from '../../packing/format/layout.js'
import { leastBudget, planBanks } from '../../weights/bank-plan.js'
import type { TracedText } from '../traces/traced-text.js'
import { leastFrequentlyUsed } from './frequency.js'
import { leastRecentlyUsed } from './least-recently-used.js'
import { leastStale } from './least-stale.js'
import { optimal } from './optimal.js'
import { type ReplayedPool, usesByPool } from './passes.js'
import { pinned } from './pinned.js'
import type { Policy } from './pool-trace.js'

/** Policies by their names; the first is the engine's. */
const POLICIES = {
  frequency: leastFrequentlyUsed,
  lru: leastRecentlyUsed,
  'least-stale': leastStale,
  pinned,
  optimal,
} as const satisfies Record<string, Policy>

export type PolicyName = keyof typeof POLICIES

/** Uses of experts that were in memory, uses of experts that had to be read, and the bytes read for those. */
export interface Reading {
  hits: number
  misses: number
  bytesRead: number
}

export interface ReplayedPolicy extends Reading {
  policy: PolicyName
  /** The part of the generated tokens. */
  answer: Reading
}

/** A trace replayed with one limit of memory. */
export interface ReplayedMemory {
  /** Limit of weights in memory, in bytes. */
  memory: number
  /** Experts that fit, and all experts. */
  held: number
  experts: number
  policies: ReplayedPolicy[]
}

/** Least limit of memory for a model, in bytes. */
export function leastOf(layout: Layout, bankBytes?: number): number {
  return leastBudget(layout, bankBytes)
}

/**
 * Replays traces within limits of memory: with the pools and places of the engine, and with several policies that choose
 * the expert to make room. The experts of all texts must be those of the layout. Throws a UserError if a limit is too
 * little for the model.
 */
export function replay(
  texts: readonly TracedText[],
  layout: Layout,
  memories: readonly number[],
  bankBytes?: number,
): ReplayedMemory[] {
  const least = leastOf(layout, bankBytes)
  return memories.map((memory) => {
    if (memory < least) {
      throw new UserError(
        `\`memory\` ${formatSize(memory)} is too little for this model: it needs ${formatSize(least)}`,
      )
    }
    const plan = planBanks(layout, Math.min(memory, layout.bytes), bankBytes)
    const pools = usesByPool(texts, layout, plan)
    return {
      memory,
      held: pools.reduce((sum, pool) => sum + Math.min(pool.plan.slots, pool.trace.experts), 0),
      experts: pools.reduce((sum, { trace }) => sum + trace.experts, 0),
      policies: Object.entries(POLICIES).map(([policy, run]) => {
        return { policy: policy as PolicyName, ...readingOf(pools, run) }
      }),
    }
  })
}

function readingOf(pools: readonly ReplayedPool[], run: Policy): Omit<ReplayedPolicy, 'policy'> {
  const total: Reading = { hits: 0, misses: 0, bytesRead: 0 }
  const answer: Reading = { hits: 0, misses: 0, bytesRead: 0 }
  for (const { plan, trace, isAnswer } of pools) {
    // Policies count misses alone, and the experts of a packing with several formats differ in size.
    const meanBytes = plan.parts.reduce((sum, { bytes }) => sum + bytes, 0) / plan.parts.length
    for (const [i, misses] of run(trace, plan.slots).entries()) {
      const hits = trace.uses[i].experts.length - misses
      for (const reading of isAnswer[i] ? [total, answer] : [total]) {
        reading.hits += hits
        reading.misses += misses
        reading.bytesRead += Math.round(misses * meanBytes)
      }
    }
  }
  return { ...total, answer }
}
