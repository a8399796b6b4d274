import type { ExpertUsage } from '../../experts/usage.js'
import type { MixtureKind } from '../../model/config.js'
import { JUST_BEFORE } from './cell-painter.js'
import type { TokenMap } from './token-map.js'

/** Number of tokens before the shown one whose experts still show. */
const TRAIL = 5

/**
 * Amount of each expert's cell: its share of the tokens, or the square root of the shown token's gate, so that small
 * gates are visible. With `fades`, experts that only the tokens just before chose are `JUST_BEFORE`.
 */
export function amountsOf(map: TokenMap, kind: MixtureKind, layer: number, fades: boolean): Float32Array {
  return map.mode === 'usage' ? shares(map.usage, kind, layer) : glow(map, kind, layer, fades)
}

/** Gates of the experts of one kind in a layer for a token, by default the shown one; 0 if not chosen. */
export function gatesOf(map: TokenMap, kind: MixtureKind, layer: number, index = map.shownIndex): Float32Array {
  const gates = new Float32Array(map.experts(kind, layer))
  const routes = map.tokens[index]?.routes[layer][kind]
  if (routes) for (const [slot, expert] of routes.ids.entries()) gates[expert] = routes.gates[slot]
  return gates
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

function glow(map: TokenMap, kind: MixtureKind, layer: number, fades: boolean): Float32Array {
  const { tokens, shownIndex } = map
  const amounts = gatesOf(map, kind, layer).map(Math.sqrt)
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
