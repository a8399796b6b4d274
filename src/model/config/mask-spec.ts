import { UsageError } from '../../ground/errors.js'
import { shown } from '../../ground/option-checks.js'
import { MIXTURE_KINDS, type MixtureKind, type ModelConfig, type PerMixture, perMixture } from './config.js'
import type { ExpertMask } from './expert-mask.js'

/**
 * Reads masks that a person writes, `LAYER:KIND:IDS` with ids like `5,7-9`, and joins them to one mask. Its gates come
 * from the scores of all experts, so that a token that would not use a masked expert is not affected. Throws a
 * UsageError for another form, and for experts that the model does not have.
 *
 * @example
 * parseMask(['3:mlp:5,7-9', '0:attention:2'], model.config)
 */
export function parseMask(specs: readonly string[], { mixtures, layers }: ModelConfig): ExpertMask {
  const marked = perMixture(mixtures, ({ experts }) => experts.map((count) => new Uint8Array(count)))
  for (const spec of specs) {
    const { layer, kind, ranges } = parseSpec(spec)
    const wrong = (why: string) => new UsageError(`mask '${spec.slice(0, 60)}': ${why}`)
    if (!marked[kind]) throw wrong(`the model has no ${kind} experts`)
    if (layer >= layers) throw wrong(`the model has layers 0 to ${layers - 1}`)
    const { [layer]: experts } = marked[kind]
    if (experts.length === 0) throw wrong(`layer ${layer} has no ${kind} experts`)
    for (const [from, to] of ranges) {
      if (to >= experts.length) throw wrong(`layer ${layer} has ${kind} experts 0 to ${experts.length - 1}`)
      experts.fill(1, from, to + 1)
    }
  }
  const ids = (experts: Uint8Array) => Array.from(experts.keys()).filter((id) => experts[id] === 1)
  return { ...perMixture(mixtures, ({ kind }) => marked[kind]?.map(ids)), gates: 'all' }
}

/** Writes a mask as `parseMask` reads it, one spec per layer and kind. */
export function maskSpecs(mask: ExpertMask): string[] {
  return placesIn(mask).map(({ layer, kind, ids }) => `${layer}:${kind}:${ids.join(',')}`)
}

/** Names the experts of a mask: `layer 3 mlp expert 5`, `layer 3 mlp experts 5, 7-9 and layer 0 attention expert 2`. */
export function maskInWords(mask: Omit<ExpertMask, 'gates'>): string {
  const places = placesIn(mask).map(({ layer, kind, ids }) => {
    return `layer ${layer} ${kind} ${ids.length === 1 ? 'expert' : 'experts'} ${inRanges(ids)}`
  })
  return places.join(' and ')
}

function placesIn(mask: PerMixture<number[][]>): { layer: number; kind: MixtureKind; ids: number[] }[] {
  return MIXTURE_KINDS.flatMap((kind) => {
    return (mask[kind] ?? []).flatMap((ids, layer) => (ids.length > 0 ? [{ layer, kind, ids }] : []))
  })
}

/** Writes ids with ranges: `5, 7-9`. */
function inRanges(ids: readonly number[]): string {
  const runs: [first: number, last: number][] = []
  for (const id of ids.toSorted((a, b) => a - b)) {
    const run = runs.at(-1)
    if (run && run[1] === id - 1) run[1] = id
    else runs.push([id, id])
  }
  return runs.map(([first, last]) => (first === last ? `${first}` : `${first}-${last}`)).join(', ')
}

function parseSpec(spec: string): { layer: number; kind: MixtureKind; ranges: [from: number, to: number][] } {
  const wrong = () => {
    const kinds = MIXTURE_KINDS.join(' or ')
    return new UsageError(`a mask must be LAYER:KIND:IDS, like 3:mlp:5,7-9 (kind ${kinds}), not ${shown(spec)}`)
  }
  const [, layer, kind, list] = /^(\d{1,6}):([a-z]+):(\d[\d,-]*)$/.exec(spec.trim()) ?? []
  if (!MIXTURE_KINDS.includes(kind as MixtureKind)) throw wrong()
  const ranges = list.split(',').map((range): [number, number] => {
    const [, from, to = from] = /^(\d{1,6})(?:-(\d{1,6}))?$/.exec(range) ?? []
    if (!(Number(to) >= Number(from))) throw wrong()
    return [Number(from), Number(to)]
  })
  return { layer: Number(layer), kind: kind as MixtureKind, ranges }
}
