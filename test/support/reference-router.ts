import type { Mixture } from '#molm/model/config/config.js'
import type { LayerMask } from '#molm/model/config/expert-mask.js'
import { usedIn } from '#molm/model/config/experts-per-token.js'
import { softmax } from './reference-layers.js'
import { sigmoid } from './reference-math.js'

interface Chosen {
  id: number
  gate: number
}

/**
 * Experts of one token by the mixture's rule, in double precision and as plainly as the formulas, in falling order of
 * the gates. `logits` has the experts' logits, and then the silent rows' logits.
 */
export function referenceRoute(
  mixture: Mixture,
  layer: number,
  logits: readonly number[],
  { bias = [], mask }: { bias?: readonly number[]; mask?: LayerMask } = {},
): Chosen[] {
  const { experts, routing = {} } = mixture
  const count = experts[layer]
  const { score = 'softmax', groups, normalise, factor = 1, always: allAlways } = routing
  const { ids: always, isApart } = allAlways?.[layer] ?? { ids: [], isApart: false }
  const isOut = (id: number) => mask?.out?.[id] === 1
  const z = logits.map((value, id) => (mask?.gates === 'kept' && isOut(id) ? Number.NEGATIVE_INFINITY : value))
  const ofOthers = z.map((value, id) => (isApart && always.includes(id) ? Number.NEGATIVE_INFINITY : value))
  const scores = score === 'softmax' ? softmax(ofOthers) : z.map(sigmoid)

  let free = [...Array(count).keys()].filter((id) => !isOut(id) && !always.includes(id))
  // Sigmoids of large logits are equal in double precision.
  const rank = (id: number) => (score === 'sigmoid' && bias.length === 0 ? z[id] : scores[id] + (bias[id] ?? 0))
  const byRank = (ids: number[]) => [...ids].sort((a, b) => rank(b) - rank(a) || a - b)
  if (groups) {
    const size = count / groups.count
    const membersOf = (group: number) => byRank(free.filter((id) => Math.floor(id / size) === group))
    const scoreOf = (group: number) =>
      membersOf(group)
        .slice(0, groups.by === 'largest' ? 1 : 2)
        .reduce((sum, id) => sum + rank(id), 0)
    const best = [...Array(groups.count).keys()]
      .filter((group) => membersOf(group).length > 0)
      .sort((a, b) => scoreOf(b) - scoreOf(a) || a - b)
    free = best.slice(0, groups.kept).flatMap(membersOf)
  }
  const routed = byRank(free).slice(0, usedIn(mixture, layer) - always.length)
  const sum = routed.reduce((sum, id) => sum + scores[id], 0)
  const whole = normalise ? Math.max(sum + (normalise.add ?? 0), normalise.floor ?? 0) : 1
  const own = softmax(always.map((id) => z[id]))
  const chosen = [
    ...always.map((id, i) => ({ id, gate: factor * (isApart ? own[i] : scores[id]) })),
    ...routed.map((id) => ({ id, gate: (factor * scores[id]) / whole })),
  ]
  return chosen.sort((a, b) => b.gate - a.gate)
}
