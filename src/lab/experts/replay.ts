import { UserError } from '../../ground/errors.js'
import { option, phrase } from '../../ground/message.js'
import { formatSize } from '../../ground/numbers.js'
import { MAX_BATCH } from '../../model/layers/decoder.js'
import type { Layout } from '../../model/packing/format/layout.js'
import { leastBudget, type PoolPlan, planBanks, planPools } from '../../model/weights/bank-plan.js'
import { ExpertPool } from '../../model/weights/expert-pool.js'
import type { TracedLayer, TracedText } from './traces/traced-text.js'

export { leastBudget } from '../../model/weights/bank-plan.js'

/** Uses of experts that were in memory, uses of experts that had to be read, and the bytes read for those. */
export interface Reading {
  hits: number
  misses: number
  bytesRead: number
}

/** A trace replayed with one limit of memory. */
export interface ReplayedMemory extends Reading {
  memory: number
  /** Experts that fit, and all experts. */
  held: number
  experts: number
  answer: Reading
}

/** Tokens that run together, from number `first` on. */
interface Pass {
  first: number
  count: number
}

/**
 * Replays traces within limits of memory, with the pools and places of the engine. The experts of all texts must be those
 * of the layout. Throws a UserError if a limit is too little for the model.
 */
export function replay(
  texts: readonly TracedText[],
  layout: Layout,
  memories: readonly number[],
  bankBytes?: number,
): ReplayedMemory[] {
  const least = leastBudget(layout, bankBytes)
  return memories.map((memory) => {
    if (memory < least) {
      throw new UserError(
        phrase`${option('memory')} ${formatSize(memory)} is too little for this model: it needs ${formatSize(least)}`,
      )
    }
    const plans = planPools(layout, planBanks(layout, Math.min(memory, layout.bytes), bankBytes))
    const replayed: ReplayedMemory = { memory, held: 0, experts: 0, ...nothingRead(), answer: nothingRead() }
    for (const plan of plans) {
      replayed.held += Math.min(plan.slots, plan.parts.length)
      replayed.experts += plan.parts.length
      replayPool(plan, texts, replayed)
    }
    return replayed
  })
}

function nothingRead(): Reading {
  return { hits: 0, misses: 0, bytesRead: 0 }
}

/** Gives a pool the uses of its experts, one text after the other, and adds what it reads. */
function replayPool(plan: PoolPlan, texts: readonly TracedText[], replayed: ReplayedMemory): void {
  const { slots, parts, layers } = plan
  const counts = { capacity: slots, experts: parts.length, layers: layers.length }
  const sizes = parts.map(({ bytes }) => bytes)
  const pool = new ExpertPool(noMemory(), sizes, counts, () => undefined)
  let before = nothingRead()
  for (const text of texts) {
    const used = layers.flatMap(({ layer, first }) => {
      const traced = text.layers.find((own) => own.layer === layer && own.kind === plan.kind)
      return traced ? [{ first, traced }] : []
    })
    for (const pass of passesOf(text)) {
      for (const { first, traced } of used) {
        const experts = expertsOf(traced, pass)
        if (experts.length > 0) pool.require(first, experts, experts.length, () => undefined)
      }
      const { hits, misses, bytesRead } = pool
      for (const reading of pass.first < text.prompt ? [replayed] : [replayed, replayed.answer]) {
        reading.hits += hits - before.hits
        reading.misses += misses - before.misses
        reading.bytesRead += bytesRead - before.bytesRead
      }
      before = { hits, misses, bytesRead }
    }
  }
}

/** Gives out addresses alone. */
function noMemory() {
  let addresses = 0
  return { arena: { allocate: () => ++addresses }, u8: new Uint8Array(0) }
}

/** As the engine divides one text alone: a prompt runs in micro-batches, each generated token alone. */
function* passesOf({ length, prompt }: TracedText): Generator<Pass> {
  for (let first = 0; first < prompt; first += MAX_BATCH) yield { first, count: Math.min(MAX_BATCH, prompt - first) }
  for (let first = prompt; first < length; first++) yield { first, count: 1 }
}

/** Distinct experts of a pass in a layer, rising, as the engine asks for them. */
function expertsOf({ ids, k }: TracedLayer, { first, count }: Pass): Int32Array {
  // -1 marks experts that the trace lacks.
  return Int32Array.from(new Set(ids.subarray(first * k, (first + count) * k).filter((id) => id >= 0))).sort()
}
