import { UserError } from '../../ground/errors.js'
import { option, phrase } from '../../ground/message.js'
import { isMxfp4, type PartFormats, type WeightFormat } from '../../model/packing/format/formats.js'
import { type Blueprint, type Part, planLayout } from '../../model/packing/format/layout.js'
import { isExpert } from '../surgery/derived-model.js'
import type { ExpertImportance } from './expert-importance.js'

/** Formats that experts may take, from the smallest on, with the bits of a weight, scales included. */
export const EXPERT_FORMATS = [
  { format: 'q2', bits: 2.5, error: 0.102 },
  { format: 'q3', bits: 3.5, error: 0.0263 },
  { format: 'q4', bits: 4.5, error: 0.0067 },
  { format: 'q4m', bits: 5, error: 0.0047 },
  { format: 'q8', bits: 8.5, error: 0.00003 },
] as const satisfies readonly { format: WeightFormat; bits: number; error: number }[]

/** Least and most bits of a weight that an average can have. */
export const BITS = { least: 2.5, most: 8.5 }

export interface BudgetedExpert {
  weights: number
  /** Factor of the squared error of its weights (see `importanceOf`). */
  importance: number
}

export interface BitPlan {
  /** One per expert, in their order. */
  formats: WeightFormat[]
  /** Mean bits of a weight: at most the budget. */
  bits: number
  /** Sum of importance times relative squared error of the format. Proportional to the divergence that it foretells. */
  error: number
}

/**
 * Chooses a format for each expert, so that the mean of their bits is at most `bits`. q2 serves only budgets that need
 * it: on a text unlike the calibration, an expert that was hardly awake may matter, and in q2 it does most harm. Begins
 * with the smallest format for all, and takes the steps to better formats in falling order of the error that each saves
 * per bit. A step that does not fit is skipped; later ones of other experts may still fit.
 */
export function planBits(experts: readonly BudgetedExpert[], bits: number): BitPlan {
  checkBits(bits)
  const least = bits < EXPERT_FORMATS[1].bits ? 0 : 1
  const weights = experts.reduce((sum, expert) => sum + expert.weights, 0)
  const budget = bits * weights
  const chosen = experts.map((): number => least)
  let used = EXPERT_FORMATS[least].bits * weights
  const blocked = new Set<number>()
  for (const { expert, to, cost } of stepsOf(experts, least)) {
    // A later step of the same expert costs its own bits in addition, so it does not fit either.
    if (blocked.has(expert)) continue
    if (used + cost > budget + budget * 1e-12) {
      blocked.add(expert)
      continue
    }
    chosen[expert] = to
    used += cost
  }
  return {
    formats: chosen.map((index) => EXPERT_FORMATS[index].format),
    bits: weights === 0 ? 0 : used / weights,
    error: chosen.reduce((sum, index, i) => sum + experts[i].importance * EXPERT_FORMATS[index].error, 0),
  }
}

/** Throws a UserError if no mixture of the formats has this mean. */
export function checkBits(bits: number): void {
  if (bits >= BITS.least && bits <= BITS.most) return
  throw new UserError(phrase`${option('bits')} must be from ${BITS.least} to ${BITS.most}, not ${bits}`)
}

/**
 * A step gives an expert format number `to`; its gain is the error that it saves for each bit. The gain falls from each
 * format to the next, so sorting keeps the steps of an expert in order. Equal gains keep the order of the experts.
 */
function stepsOf(experts: readonly BudgetedExpert[], least: number) {
  const steps = experts.flatMap(({ weights, importance }, expert) =>
    EXPERT_FORMATS.slice(least + 1).map(({ bits, error }, i) => {
      const below = EXPERT_FORMATS[least + i]
      const cost = (bits - below.bits) * weights
      return { expert, to: least + i + 1, cost, gain: (importance * (below.error - error)) / cost }
    }),
  )
  return steps.sort((a, b) => b.gain - a.gain || a.to - b.to || a.expert - b.expert)
}

/** Formats of a packing whose experts have formats of their own, and the plan that they follow. */
export interface ExpertFormats {
  formats: PartFormats
  plan: BitPlan
  mix: Partial<Record<WeightFormat, number>>
}

/**
 * Gives each expert a format within a budget: `bits` is the mean bits of their weights. The other parts keep their
 * formats. Throws a UserError if the experts' formats are not free: MXFP4, or floats.
 */
export function expertFormats(
  blueprint: Pick<Blueprint, 'parts'>,
  formats: PartFormats,
  importance: ExpertImportance,
  bits: number,
): ExpertFormats {
  if (isMxfp4(formats.mlp))
    throw new UserError(phrase`${option('bits')}: the experts of this model are stored as MXFP4, in 4.25 bits`)
  if (formats.mlp === 'f32')
    throw new UserError(phrase`${option('bits')} needs the other weights in q8 or q4, not in f32`)
  const experts = planLayout(blueprint, formats).parts.filter(isExpert)
  if (experts.length === 0) throw new UserError(phrase`${option('bits')}: the model has no experts`)
  const plan = planBits(
    experts.map((part) => ({
      weights: matricesOf(part).reduce((sum, { rows, cols }) => sum + rows * cols, 0),
      importance: importance[part.expert.kind]?.[part.layer]?.[part.expert.id] ?? 0,
    })),
    bits,
  )
  const pieces: Record<string, WeightFormat> = {}
  const mix: ExpertFormats['mix'] = {}
  for (const [i, part] of experts.entries()) {
    const format = plan.formats[i]
    mix[format] = (mix[format] ?? 0) + 1
    for (const { name, format: usual } of matricesOf(part)) {
      if (format !== usual) pieces[`${part.name}/${name}`] = format
    }
  }
  const given = { ...formats.pieces, ...pieces }
  return { formats: Object.keys(given).length > 0 ? { ...formats, pieces: given } : formats, plan, mix }
}

function matricesOf({ pieces }: Part): Part['pieces'] {
  return pieces.filter(({ kind }) => kind === 'matrix')
}
