import type { ExpertUsage } from '../../insight/usage/usage.js'
import type { MixtureKind } from '../../model/config/config.js'
import { JUST_BEFORE, MASKED } from './cell-painter.js'
import type { TokenMap } from './token-map.js'

/** Number of tokens before the shown one whose experts still show. */
const TRAIL = 5

/**
 * Amount of each expert's cell: its share of the tokens, or the glow of the shown token's gate. With `fades`, experts that
 * only the tokens just before chose are `JUST_BEFORE`. Masked experts that were not chosen are `MASKED`.
 */
export function amountsOf(map: TokenMap, kind: MixtureKind, layer: number, fades: boolean): Float32Array {
  const amounts = map.mode === 'usage' ? shares(map.usage, kind, layer) : fadingGlow(map, kind, layer, fades)
  for (const expert of map.masked?.[kind]?.[layer] ?? []) if (!(amounts[expert] > 0)) amounts[expert] = MASKED
  return amounts
}

/** 1 for each masked expert whose amount shows that it was chosen before; absent if no expert of the layer is masked. */
export function struckOf(
  map: TokenMap,
  kind: MixtureKind,
  layer: number,
  amounts: Float32Array,
): Float32Array | undefined {
  const masked = map.masked?.[kind]?.[layer] ?? []
  return masked.length === 0
    ? undefined
    : amounts.map((amount, expert) => (amount > 0 && masked.includes(expert) ? 1 : 0))
}

/**
 * Glow of the experts of one kind in a layer for a token, by default the shown one: the square root of the gate as a share
 * of the largest possible one, so that small gates are visible; 0 if not chosen.
 */
export function glowOf(map: TokenMap, kind: MixtureKind, layer: number, index = map.shownIndex): Float32Array {
  const glow = new Float32Array(map.experts(kind, layer))
  const routes = map.tokens[index]?.routes[layer][kind]
  const { largestGate } = map
  if (routes) for (const [slot, id] of routes.ids.entries()) glow[id] = Math.sqrt(routes.gates[slot] / largestGate)
  return glow
}

export function gateOf(glow: number, { largestGate }: TokenMap): number {
  return glow * glow * largestGate
}

/** The largest share of the tokens that chose the same expert; 1 if there are none. */
export function largestShare(usage: ExpertUsage): number {
  const { mixtures, tokens } = usage
  const known = largest.get(usage)
  if (known?.tokens === tokens) return known.share
  const most = Math.max(0, ...mixtures.flatMap(({ layers }) => layers.map(({ counts }) => Math.max(0, ...counts))))
  const share = most > 0 ? most / tokens : 1
  largest.set(usage, { tokens, share })
  return share
}

/** The largest share of a usage, and the number of tokens it was computed for. */
const largest = new WeakMap<ExpertUsage, { tokens: number; share: number }>()

function fadingGlow(map: TokenMap, kind: MixtureKind, layer: number, fades: boolean): Float32Array {
  const { tokens, shownIndex } = map
  const amounts = glowOf(map, kind, layer)
  if (!fades) return amounts
  for (let age = 1; age <= TRAIL && shownIndex - age >= 0; age++) {
    const before = tokens[shownIndex - age].routes[layer][kind]
    if (!before) break
    for (const expert of before.ids) if (amounts[expert] === 0) amounts[expert] = JUST_BEFORE
  }
  return amounts
}

function shares(usage: ExpertUsage, kind: MixtureKind, layer: number): Float32Array {
  const most = largestShare(usage) * Math.max(1, usage.tokens)
  return Float32Array.from(usage.of(kind, layer).counts, (count) => count / most)
}
