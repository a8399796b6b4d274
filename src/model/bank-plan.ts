import type { Layout } from '../packing/layout.js'
import type { ModelConfig } from './config.js'
import type { ExpertKind } from './weights.js'

/** Weights put into one bank at most, unless told otherwise: below the 4 GiB of a memory by what caches and activations may need. */
export const BANK_BYTES = 3.25 * 2 ** 30

export const EXPERT_KINDS: readonly ExpertKind[] = ['attention', 'mlp']

/** How many experts of one kind a bank holds at once, all of one size. */
export interface SlotPlan {
  slots: number
  bytes: number
}

/** Which layers share a bank, and how many of their experts it holds at once. */
export interface BankPlan {
  /** Bank of each layer, rising. */
  bankOfLayer: number[]
  /** Per bank. */
  slots: Record<ExpertKind, SlotPlan>[]
  /** Bytes of weights held when all slots are full. */
  bytes: number
}

export const partName = (layer: number, kind: ExpertKind, expert: number): string => `layers.${layer}.${kind}.${expert}`

export function expertCount(config: ModelConfig, layer: number, kind: ExpertKind): number {
  return kind === 'attention' ? config.attentionExperts[layer] : config.mlpExperts[layer]
}

/** Least budget for a model: its dense parts, and in each bank all experts of the layer at hand, which a prompt may need. */
export function leastBudget(config: ModelConfig, layout: Layout, bankBytes = BANK_BYTES): number {
  return planBanks(config, layout, 0, bankBytes).bytes
}

/**
 * Divides a model into banks of at most `bankBytes` of weights, and a budget of resident bytes among their experts. Dense
 * parts are always resident, and so are as many experts of each bank and kind as its largest layer has; what remains of
 * the budget is shared in proportion to the experts that remain.
 */
export function planBanks(config: ModelConfig, layout: Layout, budget: number, bankBytes = BANK_BYTES): BankPlan {
  const sizeOf = (kind: ExpertKind) => layout.part(partName(0, kind, 0)).bytes
  const size: Record<ExpertKind, number> = { attention: sizeOf('attention'), mlp: sizeOf('mlp') }
  let experts = 0
  for (let l = 0; l < config.layers; l++) for (const k of EXPERT_KINDS) experts += expertCount(config, l, k) * size[k]
  const dense = layout.bytes - experts
  const share = Math.min(1, Math.max(0, (budget - dense) / experts))

  const bankOfLayer: number[] = []
  const counts: Record<ExpertKind, { all: number; most: number }>[] = []
  const head = layout.parts[layout.parts.length - 1].bytes
  let filled = Number.POSITIVE_INFINITY
  for (let l = 0; l < config.layers; l++) {
    let bytes = layout.part(`layers.${l}.dense`).bytes
    for (const kind of EXPERT_KINDS) bytes += expertCount(config, l, kind) * size[kind] * share
    // The table of embeddings lies in the first bank, the head in the last, which may be any.
    if (filled + bytes + head > bankBytes) {
      counts.push({ attention: { all: 0, most: 0 }, mlp: { all: 0, most: 0 } })
      filled = counts.length === 1 ? layout.part('embedding').bytes : 0
    }
    filled += bytes
    bankOfLayer.push(counts.length - 1)
    for (const kind of EXPERT_KINDS) {
      const count = counts[counts.length - 1][kind]
      count.all += expertCount(config, l, kind)
      count.most = Math.max(count.most, expertCount(config, l, kind))
    }
  }

  const least = counts.reduce(
    (sum, { attention, mlp }) => sum + attention.most * size.attention + mlp.most * size.mlp,
    0,
  )
  const spare = experts === least ? 0 : Math.min(1, Math.max(0, (budget - dense - least) / (experts - least)))
  let bytes = dense
  const slots = counts.map((count) => {
    const plan = (kind: ExpertKind): SlotPlan => {
      const { all, most } = count[kind]
      const slots = most + Math.floor((all - most) * spare)
      bytes += slots * size[kind]
      return { slots, bytes: size[kind] }
    }
    return { attention: plan('attention'), mlp: plan('mlp') }
  })
  return { bankOfLayer, slots, bytes }
}
