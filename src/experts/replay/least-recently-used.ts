import { HeldList } from './held-list.js'
import type { Policy } from './pool-trace.js'

/** The expert used longest ago makes room. */
export const leastRecentlyUsed: Policy = ({ experts, uses }, capacity) => {
  const held = new HeldList(experts)
  return Int32Array.from(uses, ({ experts: used }) => useNewest(held, used, capacity))
}

/** Takes the experts of one use into a list of at most `capacity`. Returns the misses. */
export function useNewest(held: HeldList, used: ArrayLike<number>, capacity: number): number {
  const before = held.size
  // Experts in use cannot make room for each other.
  for (let i = 0; i < used.length; i++) if (held.has(used[i])) held.remove(used[i])
  const hits = before - held.size
  while (held.size + used.length > capacity) held.remove(held.oldest)
  for (let i = 0; i < used.length; i++) held.add(used[i])
  return used.length - hits
}
