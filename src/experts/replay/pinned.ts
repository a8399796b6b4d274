import { HeldList } from './held-list.js'
import { useNewest } from './least-recently-used.js'
import type { Policy } from './pool-trace.js'

/**
 * The experts that the whole trace uses most stay once they have been read. The others take turns in the room that a
 * layer may need at once, the one used longest ago first. A bound for pinning, since counts are not known beforehand.
 */
export const pinned: Policy = ({ experts, most, uses }, capacity) => {
  const counts = new Float64Array(experts)
  for (const use of uses) for (const expert of use.experts) counts[expert]++
  const byUse = Array.from(counts.keys()).sort((a, b) => counts[b] - counts[a] || a - b)
  const isPinned = new Uint8Array(experts)
  for (const expert of byUse.slice(0, capacity - most)) isPinned[expert] = 1
  const isRead = new Uint8Array(experts)
  const others = new HeldList(experts)
  return Int32Array.from(uses, ({ experts: used }) => {
    let misses = 0
    for (const expert of used) {
      if (isPinned[expert] === 0 || isRead[expert] === 1) continue
      isRead[expert] = 1
      misses++
    }
    const rest = used.filter((expert) => isPinned[expert] === 0)
    return misses + useNewest(others, rest, Math.min(capacity, most))
  })
}
