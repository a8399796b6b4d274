import os from 'node:os'

/** Bytes that this process can still take: what the machine has free, or its cgroup where that allows less. */
export function availableMemory(): number {
  // Node 20.13 and newer look at the cgroup as well.
  const { availableMemory } = process as { availableMemory?: () => number }
  return availableMemory ? availableMemory() : os.freemem()
}
