import os from 'node:os'
import { limitOfCgroup, roomInCgroup } from './cgroup.js'

/**
 * Bytes that this process can still take: what the machine has free, or its cgroup where that allows less. Files that
 * the system keeps in memory count as free, since they make room.
 */
export function availableMemory(): number {
  return Math.min(freeOnMachine(), roomInCgroup())
}

/** Bytes that this process could ever take: what the machine has, or its cgroup where that allows less. */
export function totalMemory(): number {
  return Math.min(os.totalmem(), limitOfCgroup())
}

/** Memory of a machine and of this process on it, in bytes. */
export interface MachineMemory {
  platform: NodeJS.Platform
  free: number
  total: number
  /** What this process has. */
  own: number
}

/** Bytes that a machine, by default this one, still has for this process. */
export function freeOnMachine(
  { platform, free, total, own }: MachineMemory = {
    platform: process.platform,
    free: os.freemem(),
    total: os.totalmem(),
    own: process.memoryUsage.rss(),
  },
): number {
  // On Linux and Windows this is what can be had; elsewhere only what nobody has touched yet, which is always little. There
  // the process may have half of the memory.
  const isTold = platform === 'linux' || platform === 'win32'
  return isTold ? free : Math.max(free, total / 2 - own)
}
