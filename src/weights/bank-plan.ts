import { type Layout, MIXTURE_KINDS, type MixtureKind } from '../packing/format/layout.js'

/** Weights put into one bank at most, unless told otherwise: below the 4 GiB of a memory by what caches and activations may need. */
export const BANK_BYTES = 3.25 * 2 ** 30

/** How many experts of one kind a bank holds at once, all of one size. */
interface SlotPlan {
  slots: number
  bytes: number
}

/** Which layers share a bank, and how many of their experts it holds at once. */
export interface BankPlan {
  /** Bank of each layer, rising. */
  bankOfLayer: number[]
  /** Per bank; a kind is absent where none of its layers has experts of it. */
  slots: Partial<Record<MixtureKind, SlotPlan>>[]
  /** Bytes of weights held when all slots are full. */
  bytes: number
}

/** Least budget for a model: its dense parts, and in each bank all experts of the layer at hand, which a prompt may need. */
export function leastBudget(layout: Layout, bankBytes = BANK_BYTES): number {
  return planBanks(layout, 0, bankBytes).bytes
}

/** Experts of one kind in a bank: how many in all, and in the layer that has most. */
interface Count {
  all: number
  most: number
  /** Bytes of one. */
  size: number
}

/**
 * Divides a model into banks of at most `bankBytes` of weights, and a budget of resident bytes among their experts. Dense
 * parts are always resident, and so are as many experts of each bank and kind as its largest layer has; what remains of
 * the budget is shared in proportion to the experts that remain.
 */
export function planBanks(layout: Layout, budget: number, bankBytes = BANK_BYTES): BankPlan {
  const experts = layout.parts.reduce((sum, part) => sum + (part.expert ? part.bytes : 0), 0)
  const dense = layout.bytes - experts
  const share = experts === 0 ? 1 : Math.min(1, Math.max(0, (budget - dense) / experts))
  const { bankOfLayer, counts } = divide(layout, share, bankBytes)

  const sum = (of: (count: Count) => number) =>
    counts.reduce((sum, kinds) => sum + [...kinds.values()].reduce((sum, count) => sum + of(count), 0), 0)
  const least = sum(({ most, size }) => most * size)
  const spare = experts === least ? 0 : Math.min(1, Math.max(0, (budget - dense - least) / (experts - least)))
  let bytes = dense
  const slots = counts.map((kinds) => {
    const plans: BankPlan['slots'][number] = {}
    for (const [kind, { all, most, size }] of kinds) {
      const slots = most + Math.floor((all - most) * spare)
      bytes += slots * size
      plans[kind] = { slots, bytes: size }
    }
    return plans
  })
  return { bankOfLayer, slots, bytes }
}

/** Fills bank after bank with whole layers, of whose experts `share` are held. */
function divide(layout: Layout, share: number, bankBytes: number) {
  const bankOfLayer: number[] = []
  const counts: Map<MixtureKind, Count>[] = []
  // The table of embeddings lies in the first bank; what follows the layers in the last, which may be any.
  const outside = layout.parts.filter(({ layer }) => layer === undefined)
  const head = outside.slice(1).reduce((sum, { bytes }) => sum + bytes, 0)
  const denseBytes = new Array<number>(layout.layers).fill(0)
  for (const { layer, expert, bytes } of layout.parts) {
    if (layer !== undefined && !expert) denseBytes[layer] += bytes
  }
  let filled = Number.POSITIVE_INFINITY
  for (let layer = 0; layer < layout.layers; layer++) {
    const kinds = MIXTURE_KINDS.map((kind) => ({ kind, parts: layout.experts(layer, kind) })).filter(
      ({ parts }) => parts.length > 0,
    )
    const bytes = kinds.reduce((sum, { parts }) => sum + parts.length * parts[0].bytes * share, denseBytes[layer])
    if (filled + bytes + head > bankBytes) {
      counts.push(new Map())
      filled = counts.length === 1 ? outside[0].bytes : 0
    }
    filled += bytes
    bankOfLayer.push(counts.length - 1)
    for (const { kind, parts } of kinds) {
      const { all, most } = counts[counts.length - 1].get(kind) ?? { all: 0, most: 0 }
      const count = { all: all + parts.length, most: Math.max(most, parts.length), size: parts[0].bytes }
      counts[counts.length - 1].set(kind, count)
    }
  }
  return { bankOfLayer, counts }
}
