import { HeldList } from './held-list.js'
import type { Policy, PoolUse } from './pool-trace.js'

/**
 * Least-Stale, after SpecMD (arxiv.org/abs/2602.03921): an expert is stale if its layer has run in this pass without it.
 * Stale experts make room first, in the order of their layers, since these ran longest ago; then those of the layers
 * that come, the last one first; then those that this pass has used, in the order of their layers. Within a layer, the
 * one used longest ago comes first.
 */
export const leastStale: Policy = ({ experts, layerOf, uses }, capacity) => {
  const layers = 1 + layerOf.reduce((most, layer) => Math.max(most, layer), 0)
  const held = Array.from({ length: layers }, () => new HeldList(experts))
  const lastPass = new Int32Array(experts).fill(-1)
  let size = 0
  const victimOf = ({ pass, layer }: PoolUse): number => {
    for (let l = 0; l <= layer; l++) {
      const { oldest } = held[l]
      if (oldest >= 0 && lastPass[oldest] < pass) return oldest
    }
    for (let l = layers - 1; l > layer; l--) if (held[l].oldest >= 0) return held[l].oldest
    return held.find(({ oldest }) => oldest >= 0)?.oldest ?? -1
  }
  return Int32Array.from(uses, (use) => {
    const own = held[use.layer]
    let misses = 0
    for (const expert of use.experts) {
      if (own.has(expert)) own.remove(expert)
      else misses++
      lastPass[expert] = use.pass
    }
    size += misses
    for (; size > capacity; size--) {
      const victim = victimOf(use)
      held[layerOf[victim]].remove(victim)
    }
    for (const expert of use.experts) own.add(expert)
    return misses
  })
}
