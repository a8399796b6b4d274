import { readFileSync } from 'node:fs'
import os from 'node:os'
import { dirname, join } from 'node:path'

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

/** Where a version of cgroups keeps its files, and what they are called. */
interface CgroupFiles {
  /** The line of /proc/self/cgroup that has the group's path. */
  line: RegExp
  folder: string
  limit: string
  usage: string
  /** Lines of memory.stat that count bytes of files, which make room when others need it. */
  files: string[]
}

const VERSIONS: readonly CgroupFiles[] = [
  {
    line: /^0::(.+)$/m,
    folder: '.',
    limit: 'memory.max',
    usage: 'memory.current',
    files: ['inactive_file', 'active_file'],
  },
  {
    line: /^\d+:(?:[^:]*,)?memory(?:,[^:]*)?:(.+)$/m,
    folder: 'memory',
    limit: 'memory.limit_in_bytes',
    usage: 'memory.usage_in_bytes',
    files: ['total_inactive_file', 'total_active_file'],
  },
]

/**
 * Bytes that the control group of this process, and those around it, still let it take; Infinity without a limit. Node's
 * own figure counts the files that were read and written as memory that is gone.
 */
export function roomInCgroup(root = '/sys/fs/cgroup', self = '/proc/self/cgroup'): number {
  const groups = read(self) ?? ''
  return Math.min(...VERSIONS.map((version) => roomIn(version, root, groups)))
}

/** Bytes that they let it have in all; Infinity without a limit. */
export function limitOfCgroup(root = '/sys/fs/cgroup', self = '/proc/self/cgroup'): number {
  const groups = read(self) ?? ''
  const limits = VERSIONS.flatMap((version) => [...groupsAround(version, root, groups)].map(({ most }) => most))
  return Math.min(...limits, Number.POSITIVE_INFINITY)
}

function roomIn(version: CgroupFiles, root: string, groups: string): number {
  let room = Number.POSITIVE_INFINITY
  for (const { most, at } of groupsAround(version, root, groups)) {
    const used = Number(at(version.usage) ?? 'unknown')
    if (!Number.isFinite(used)) continue
    const stat = at('memory.stat') ?? ''
    const reclaimable = version.files.reduce((sum, name) => sum + numberOf(stat, name), 0)
    room = Math.min(room, Math.max(0, most - used + reclaimable))
  }
  return room
}

/** The group of this process and those around it, as far as they have a limit; `at` reads a file of the group. */
function* groupsAround({ line, folder, limit }: CgroupFiles, root: string, groups: string) {
  const path = line.exec(groups)?.[1]
  // In a container the path may begin above the root that is seen there: what is not found is passed over.
  for (let group = path; group !== undefined; group = group === '/' ? undefined : dirname(group)) {
    const own = join(root, folder, group)
    const at = (file: string) => read(join(own, file))
    const most = Number(at(limit) ?? 'max')
    if (Number.isFinite(most)) yield { most, at }
  }
}

function numberOf(stat: string, name: string): number {
  return Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(stat)?.[1] ?? 0)
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}
