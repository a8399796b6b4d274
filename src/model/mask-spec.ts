import { UsageError } from '../errors.js'
import { shown } from '../option-checks.js'
import { MIXTURE_KINDS, type MixtureKind, type ModelConfig, perMixture } from './config.js'
import type { ExpertMask } from './expert-mask.js'

/**
 * Reads masks that a person writes, `LAYER:KIND:IDS` with ids like `5,7-9`, and joins them to one mask. Its gates come
 * from the scores of all experts, so that a token that would not use a masked expert is not affected. Throws a
 * UsageError for another form; whether the experts exist is checked when the mask is used.
 *
 * @example
 * parseMask(['3:mlp:5,7-9', '0:attention:2'], model.config)
 */
export function parseMask(specs: readonly string[], { mixtures, layers }: ModelConfig): ExpertMask {
  const out = perMixture(mixtures, () => Array.from({ length: layers }, (): number[] => []))
  for (const spec of specs) {
    const { layer, kind, ids } = parseSpec(spec)
    const masked = out[kind]
    if (!masked) throw new UsageError(`mask '${spec}': the model has no ${kind} experts`)
    if (layer >= layers) throw new UsageError(`mask '${spec}': the model has layers 0 to ${layers - 1}`)
    masked[layer] = [...new Set([...masked[layer], ...ids])].sort((a, b) => a - b)
  }
  return { ...out, gates: 'all' }
}

/** Writes a mask as `parseMask` reads it, one spec per layer and kind. */
export function maskSpecs(mask: ExpertMask): string[] {
  return MIXTURE_KINDS.flatMap((kind) => {
    return (mask[kind] ?? []).flatMap((ids, layer) => (ids.length > 0 ? [`${layer}:${kind}:${ids.join(',')}`] : []))
  })
}

/** Most experts of a range, far above those of any layer. */
const MOST = 100_000

function parseSpec(spec: string): { layer: number; kind: MixtureKind; ids: number[] } {
  const wrong = () => {
    const kinds = MIXTURE_KINDS.join(' or ')
    return new UsageError(`a mask must be LAYER:KIND:IDS, like 3:mlp:5,7-9 (kind ${kinds}), not ${shown(spec)}`)
  }
  const [, layer, kind, list] = /^(\d{1,6}):([a-z]+):(\d[\d,-]*)$/.exec(spec.trim()) ?? []
  if (!MIXTURE_KINDS.includes(kind as MixtureKind)) throw wrong()
  const ids = list.split(',').flatMap((range) => {
    const [, from, to = from] = /^(\d{1,6})(?:-(\d{1,6}))?$/.exec(range) ?? []
    const count = Number(to) - Number(from) + 1
    if (!(count >= 1 && count <= MOST)) throw wrong()
    return Array.from({ length: count }, (_, i) => Number(from) + i)
  })
  return { layer: Number(layer), kind: kind as MixtureKind, ids }
}
