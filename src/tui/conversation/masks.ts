import { UsageError } from '../../errors.js'
import { MIXTURE_KINDS, type ModelConfig } from '../../model/config.js'
import type { ExpertMask } from '../../model/expert-mask.js'
import { parseMask } from '../../model/mask-spec.js'
import { maskInWords } from '../../model/mask-words.js'

/** Adds experts, written like `3:mlp:5,7-9`, to a mask. Whether they exist is checked when the mask is used. */
export function withExperts(mask: ExpertMask | undefined, specs: readonly string[], config: ModelConfig): ExpertMask {
  const added = parseMask(specs, config)
  return combine(mask ?? added, added, (ids, more) => [...new Set([...ids, ...more])])
}

/** Removes experts from a mask; undefined if none are left. Throws a UsageError if none of them are in it. */
export function withoutExperts(
  mask: ExpertMask | undefined,
  specs: readonly string[],
  config: ModelConfig,
): ExpertMask | undefined {
  const removed = parseMask(specs, config)
  const left = combine(mask ?? removed, removed, (ids, out) => ids.filter((id) => !out.includes(id)))
  if (!mask || maskInWords(left) === maskInWords(mask)) {
    throw new UsageError(`${maskInWords(removed)}: not switched off`)
  }
  return maskInWords(left) === '' ? undefined : left
}

/** Lists the experts of a mask, for a user. */
export function maskList(mask: ExpertMask | undefined): string {
  return mask
    ? `switched off: ${maskInWords(mask)}; /unmask switches them on again`
    : 'no experts are switched off; /mask 3:mlp:5 switches off expert 5 of the MLP experts in layer 3'
}

function combine(
  mask: ExpertMask,
  other: ExpertMask,
  join: (ids: readonly number[], others: readonly number[]) => number[],
): ExpertMask {
  const joined = { ...mask }
  for (const kind of MIXTURE_KINDS) {
    const layers = mask[kind] ?? other[kind]
    if (!layers) continue
    joined[kind] = layers.map((_, layer) => {
      return join(mask[kind]?.[layer] ?? [], other[kind]?.[layer] ?? []).sort((a, b) => a - b)
    })
  }
  return joined
}
