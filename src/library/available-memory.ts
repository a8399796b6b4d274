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

function freeOnMachine(): number {
  // On Linux and Windows this is what can be had; elsewhere only what nobody has touched yet, which is always little.
  const isTold = process.platform === 'linux' || process.platform === 'win32'
  return isTold ? os.freemem() : Math.max(os.freemem(), os.totalmem() / 2)
}
