import { type Layout, MIXTURE_KINDS, type MixtureKind, type Part } from '../packing/format/layout.js'

/** Default limit of weights in a bank: 4 GiB of a memory less the room that caches and activations may need. */
export const BANK_BYTES = 3.25 * 2 ** 30

/** Number of experts of one kind that a bank holds at once. */
interface SlotPlan {
  slots: number
  bytes: number
}

/** Layers of each bank, and the number of their experts that it holds at once. */
export interface BankPlan {
  bankOfLayer: number[]
  /** By bank; a kind is absent if none of the bank's layers has experts of it. */
  slots: Partial<Record<MixtureKind, SlotPlan>>[]
  /** Bytes of weights when all slots are full. */
  bytes: number
}

/** Least budget: dense parts and, in each bank, all experts of one layer, since a prompt may need them all. */
export function leastBudget(layout: Layout, bankBytes = BANK_BYTES): number {
  return planBanks(layout, 0, bankBytes).bytes
}

interface ExpertCount {
  all: number
  /** Experts of the layer that has the most. */
  most: number
  size: number
  bytes: number
}

type ExpertCounts = Map<MixtureKind, ExpertCount>

/**
 * Divides a model into banks of at most `bankBytes` of weights, and a budget of resident bytes among their experts.
 * Dense parts are always resident, and so are as many experts of each bank and kind as its largest layer has; what
 * remains of the budget is shared in proportion to the experts that remain.
 */
export function planBanks(layout: Layout, budget: number, bankBytes = BANK_BYTES): BankPlan {
  const experts = sumBytes(layout.parts.filter(({ expert }) => expert))
  const dense = layout.bytes - experts
  const bankOfLayer = assignLayers(layout, shareOf(budget - dense, experts), bankBytes)
  const counts = countExperts(layout, bankOfLayer)
  const least = counts.reduce((sum, kinds) => sum + leastBytes(kinds), 0)
  const share = experts === least ? 0 : shareOf(budget - dense - least, experts - least)
  const slots = counts.map((kinds) => planSlots(kinds, share))
  const held = counts.reduce((sum, kinds, bank) => sum + heldBytes(kinds, slots[bank]), 0)
  return { bankOfLayer, slots, bytes: dense + held }
}

/** Share of `wanted` bytes that the available ones hold, from 0 to 1. */
function shareOf(available: number, wanted: number): number {
  return wanted === 0 ? 1 : Math.min(1, Math.max(0, available / wanted))
}

/**
 * Fills bank after bank with whole layers and returns the bank of each; `heldShare` of a layer's experts counts. The
 * first bank also has the embedding table. Every bank has room for the parts after the layers, since any may be the
 * last.
 */
function assignLayers(layout: Layout, heldShare: number, bankBytes: number): number[] {
  const [embedding, ...following] = layout.parts.filter(({ layer }) => layer === undefined)
  const reserved = sumBytes(following)
  const bankOfLayer: number[] = []
  let bank = 0
  let filled = embedding.bytes
  for (const [layer, { dense, experts }] of layerBytes(layout).entries()) {
    const bytes = dense + experts * heldShare
    if (layer > 0 && filled + bytes + reserved > bankBytes) {
      bank++
      filled = 0
    }
    filled += bytes
    bankOfLayer.push(bank)
  }
  return bankOfLayer
}

function layerBytes({ parts, layers }: Layout): { dense: number; experts: number }[] {
  const bytes = Array.from({ length: layers }, () => ({ dense: 0, experts: 0 }))
  for (const part of parts) {
    if (part.layer !== undefined) bytes[part.layer][part.expert ? 'experts' : 'dense'] += part.bytes
  }
  return bytes
}

function countExperts(layout: Layout, bankOfLayer: readonly number[]): ExpertCounts[] {
  const counts: ExpertCounts[] = []
  for (const [layer, bank] of bankOfLayer.entries()) {
    counts[bank] ??= new Map()
    for (const kind of MIXTURE_KINDS) {
      const parts = layout.experts(layer, kind)
      if (parts.length === 0) continue
      const { all, most, size, bytes } = counts[bank].get(kind) ?? { all: 0, most: 0, size: 0, bytes: 0 }
      counts[bank].set(kind, {
        all: all + parts.length,
        most: Math.max(most, parts.length),
        size: parts.reduce((largest, part) => Math.max(largest, part.bytes), size),
        bytes: bytes + sumBytes(parts),
      })
    }
  }
  return counts
}

/** Bytes of the experts that a bank must hold at once: for each kind, the layer that has most. */
function leastBytes(kinds: ExpertCounts): number {
  return [...kinds.values()].reduce((sum, { most, size }) => sum + most * size, 0)
}

/** Bytes of full slots: each has room for the largest expert, unless every expert has its own place. */
function heldBytes(kinds: ExpertCounts, planned: BankPlan['slots'][number]): number {
  return [...kinds].reduce((sum, [kind, { all, size, bytes }]) => {
    const slots = planned[kind]?.slots ?? 0
    return sum + (slots === all ? bytes : slots * size)
  }, 0)
}

/** Slots for the experts that a bank must hold at once and for `share` of the others. */
function planSlots(kinds: ExpertCounts, share: number): BankPlan['slots'][number] {
  return Object.fromEntries(
    [...kinds].map(([kind, { all, most, size }]) => {
      return [kind, { slots: most + Math.floor((all - most) * share), bytes: size }]
    }),
  )
}

function sumBytes(parts: readonly { bytes: number }[]): number {
  return parts.reduce((sum, { bytes }) => sum + bytes, 0)
}

/** The pool of the experts of one kind in a bank. */
export interface PoolPlan extends SlotPlan {
  bank: number
  kind: MixtureKind
  /** Its experts, layer after layer: an expert's number in the pool is its index. */
  parts: Part[]
  /** Layers with experts in it, rising, and the number of each layer's expert 0. */
  layers: { layer: number; first: number }[]
}

export function planPools(layout: Layout, { bankOfLayer, slots }: Pick<BankPlan, 'bankOfLayer' | 'slots'>): PoolPlan[] {
  return slots.flatMap((kinds, bank) =>
    MIXTURE_KINDS.flatMap((kind) => {
      const plan = kinds[kind]
      if (!plan) return []
      const parts: Part[] = []
      const layers: PoolPlan['layers'] = []
      for (const [layer, bankOfThis] of bankOfLayer.entries()) {
        const experts = bankOfThis === bank ? layout.experts(layer, kind) : []
        if (experts.length > 0) layers.push({ layer, first: parts.length })
        parts.push(...experts)
      }
      return [{ ...plan, bank, kind, parts, layers }]
    }),
  )
}
