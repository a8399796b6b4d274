import { MIXTURE_KINDS } from './config.js'
import type { ExpertMask } from './expert-mask.js'

/** Names the experts of a mask: `layer 3 mlp expert 5`, `layer 3 mlp experts 5, 7-9 and layer 0 attention expert 2`. */
export function maskInWords(mask: Omit<ExpertMask, 'gates'>): string {
  const places = MIXTURE_KINDS.flatMap((kind) => {
    return (mask[kind] ?? []).flatMap((ids, layer) => {
      return ids.length === 0
        ? []
        : [`layer ${layer} ${kind} ${ids.length === 1 ? 'expert' : 'experts'} ${ranges(ids)}`]
    })
  })
  return places.join(' and ')
}

/** Writes ids with ranges: `5, 7-9`. */
function ranges(ids: readonly number[]): string {
  const runs: [first: number, last: number][] = []
  for (const id of ids.toSorted((a, b) => a - b)) {
    const run = runs.at(-1)
    if (run && run[1] === id - 1) run[1] = id
    else runs.push([id, id])
  }
  return runs.map(([first, last]) => (first === last ? `${first}` : `${first}-${last}`)).join(', ')
}
