import { MAX_BATCH } from '../../nn/decoder.js'
import type { Layout } from '../../packing/format/layout.js'
import { type BankPlan, type PoolPlan, planPools } from '../../weights/bank-plan.js'
import type { TracedLayer, TracedText } from '../traces/traced-text.js'
import type { PoolTrace, PoolUse } from './pool-trace.js'

/** Tokens that run together, from number `first` on. */
interface Pass {
  first: number
  count: number
}

/** A pool with the uses of its experts, and whether each use is by a generated token. */
export interface ReplayedPool {
  plan: PoolPlan
  trace: PoolTrace
  isAnswer: boolean[]
}

/**
 * Divides texts into passes as the engine does for one text alone, one text after the other: a prompt runs in
 * micro-batches, a generated token is a pass of its own. Returns the uses of each pool's experts.
 */
export function usesByPool(texts: readonly TracedText[], layout: Layout, bank: BankPlan): ReplayedPool[] {
  return planPools(layout, bank).map((plan) => {
    const uses: PoolUse[] = []
    const isAnswer: boolean[] = []
    let number = 0
    for (const text of texts) {
      const layers = plan.layers.map(({ layer, first }) => {
        return { layer, first, traced: text.layers.find((own) => own.layer === layer && own.kind === plan.kind) }
      })
      for (const pass of passesOf(text)) {
        for (const { layer, first, traced } of layers) {
          const experts = traced && expertsOf(traced, pass, first)
          if (!experts || experts.length === 0) continue
          uses.push({ pass: number, layer, experts })
          isAnswer.push(pass.first >= text.prompt)
        }
        number++
      }
    }
    return { plan, isAnswer, trace: { ...shapeOf(plan), uses } }
  })
}

function shapeOf({ parts, layers }: PoolPlan): Omit<PoolTrace, 'uses'> {
  const layerOf = Int32Array.from(parts, ({ layer = 0 }) => layer)
  const counts = layers.map(({ first }, i) => (layers[i + 1]?.first ?? parts.length) - first)
  return { experts: parts.length, layerOf, most: Math.max(...counts) }
}

function* passesOf({ length, prompt }: TracedText): Generator<Pass> {
  for (let first = 0; first < prompt; first += MAX_BATCH) yield { first, count: Math.min(MAX_BATCH, prompt - first) }
  for (let first = prompt; first < length; first++) yield { first, count: 1 }
}

/** Distinct experts of a pass in a layer, rising, by their numbers in the pool. */
function expertsOf({ ids, k }: TracedLayer, { first, count }: Pass, firstOfLayer: number): Int32Array {
  const chosen = ids.subarray(first * k, (first + count) * k)
  const distinct = new Set<number>()
  // -1 marks experts that the trace lacks.
  for (const id of chosen) if (id >= 0) distinct.add(firstOfLayer + id)
  return Int32Array.from(distinct).sort()
}
