import { UserError } from '../errors.js'
import { isMxfp4, type PartFormats, type WeightFormat } from '../packing/format/formats.js'
import { type Blueprint, type Part, planLayout } from '../packing/format/layout.js'
import { type BitPlan, planBits } from './bit-budget.js'
import type { ExpertImportance } from './expert-importance.js'

/** Formats of a packing whose experts have formats of their own, and the plan that they follow. */
export interface ExpertFormats {
  formats: PartFormats
  plan: BitPlan
  /** Number of experts of each format. */
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
  if (isMxfp4(formats.mlp)) throw new UserError('`bits`: the experts of this model are stored as MXFP4, in 4.25 bits')
  if (formats.mlp === 'f32') throw new UserError('`bits` needs the other weights in q8 or q4, not in f32')
  const experts = planLayout(blueprint, formats).parts.filter(isExpert)
  if (experts.length === 0) throw new UserError('`bits`: the model has no experts')
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

type ExpertPart = Part & Required<Pick<Part, 'expert' | 'layer'>>

function isExpert(part: Part): part is ExpertPart {
  return part.expert !== undefined && part.layer !== undefined
}

function matricesOf({ pieces }: Part): Part['pieces'] {
  return pieces.filter(({ kind }) => kind === 'matrix')
}
