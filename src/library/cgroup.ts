import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

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

function roomIn({ line, folder, limit, usage, files }: CgroupFiles, root: string, groups: string): number {
  let room = Number.POSITIVE_INFINITY
  const path = line.exec(groups)?.[1]
  // In a container the path may begin above the root that is seen there: what is not found is passed over.
  for (let group = path; group !== undefined; group = group === '/' ? undefined : dirname(group)) {
    const at = (file: string) => read(join(root, folder, group as string, file))
    const most = Number(at(limit) ?? 'max')
    const used = Number(at(usage) ?? 'unknown')
    if (!Number.isFinite(most) || !Number.isFinite(used)) continue
    const stat = at('memory.stat') ?? ''
    const reclaimable = files.reduce((sum, name) => sum + numberOf(stat, name), 0)
    room = Math.min(room, Math.max(0, most - used + reclaimable))
  }
  return room
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
