import { HALF_LIFE, usesMost } from '../../weights/expert-pool.js'
import { HeldList } from './held-list.js'
import type { Policy } from './pool-trace.js'

/**
 * The engine's policy (weights/expert-pool.ts): the expert used least makes room. Uses count half after every four
 * passes. Of equal ones the one used longest ago goes; while most experts of a layer are in use, as by a prompt, uses do
 * not count, and the one used last goes.
 */
export const leastFrequentlyUsed: Policy = ({ experts, layerOf, uses }, capacity) => {
  const counts = new Float64Array(experts)
  const held = new HeldList(experts)
  const layers = new Set(layerOf).size
  return Int32Array.from(uses, ({ experts: used }, step) => {
    if (step % (HALF_LIFE * layers) === 0) for (let id = 0; id < experts; id++) counts[id] /= 2
    const isOfMost = usesMost(used.length, { experts, layers })
    const before = held.size
    for (const expert of used) {
      if (!isOfMost) counts[expert]++
      if (held.has(expert)) held.remove(expert)
    }
    const misses = used.length - (before - held.size)
    const order = isOfMost ? held.newestFirst() : held.oldestFirst()
    for (const victim of leastUsed(order, counts, before + misses - capacity)) held.remove(victim)
    for (const expert of used) held.add(expert)
    return misses
  })
}

/** The `count` experts with the least counts; of equal ones those that come first. */
function leastUsed(order: Iterable<number>, counts: Float64Array, count: number): number[] {
  const least: number[] = []
  if (count <= 0) return least
  for (const expert of order) {
    if (least.length === count) {
      if (counts[expert] >= counts[least[count - 1]]) continue
      least.pop()
    }
    let at = least.length
    while (at > 0 && counts[least[at - 1]] > counts[expert]) at--
    least.splice(at, 0, expert)
  }
  return least
}
