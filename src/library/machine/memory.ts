import { readFileSync } from 'node:fs'
import os from 'node:os'
import { dirname, join } from 'node:path'
import type { ModelInfo } from '../../api/model.js'
import { UserError } from '../../ground/errors.js'
import { option, phrase } from '../../ground/message.js'
import { formatSize } from '../../ground/numbers.js'

/** Bytes left free beside the weights, for activations, caches and Node itself, if the caller sets no limit. */
export const MARGIN = 512 * 2 ** 20

/** Bytes that this process can still take of the machine or its cgroup. Cached files count as free. */
export function availableMemory(): number {
  return Math.min(freeOnMachine(), roomInCgroup())
}

/** Bytes that this process could ever take: the memory of the machine, or the limit of its cgroup if that is less. */
export function totalMemory(): number {
  return Math.min(os.totalmem(), limitOfCgroup())
}

/** Memory of a machine and of this process, in bytes. */
export interface MachineMemory {
  platform: NodeJS.Platform
  free: number
  total: number
  own: number
}

/** Bytes that a machine, by default this one, can still give this process. */
export function freeOnMachine(
  { platform, free, total, own }: MachineMemory = {
    platform: process.platform,
    free: os.freemem(),
    total: os.totalmem(),
    own: process.memoryUsage.rss(),
  },
): number {
  // Linux and Windows report the memory that a process can take. Other systems report only untouched pages, which are
  // always few: there the process may have half of the memory.
  const isReported = platform === 'linux' || platform === 'win32'
  return isReported ? free : Math.max(free, total / 2 - own)
}

/** Folder and file names of a version of cgroups. */
interface CgroupFiles {
  /** Line of /proc/self/cgroup with the group's path. */
  line: RegExp
  folder: string
  limit: string
  usage: string
  /** Lines of memory.stat that count the bytes of cached files, which the system drops when memory is short. */
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

/** Bytes that this process's control group and its parents still let it take; Infinity without a limit. */
export function roomInCgroup(root = '/sys/fs/cgroup', self = '/proc/self/cgroup'): number {
  const groups = read(self) ?? ''
  return Math.min(...VERSIONS.map((version) => roomIn(version, root, groups)))
}

/** Bytes that this process's control group and its parents let it have in all; Infinity without a limit. */
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
    const bytesOf = (name: string) => Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(stat)?.[1] ?? 0)
    const reclaimable = version.files.reduce((sum, name) => sum + bytesOf(name), 0)
    room = Math.min(room, Math.max(0, most - used + reclaimable))
  }
  return room
}

/** Yields the group of this process and its parents, if they have a limit; `at` reads a file of the group. */
function* groupsAround({ line, folder, limit }: CgroupFiles, root: string, groups: string) {
  const path = line.exec(groups)?.[1]
  // In a container the path may begin above the visible root: groups that are not found are skipped.
  for (let group = path; group !== undefined; group = group === '/' ? undefined : dirname(group)) {
    const own = join(root, folder, group)
    const at = (file: string) => read(join(own, file))
    const most = Number(at(limit) ?? 'max')
    if (Number.isFinite(most)) yield { most, at }
  }
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}

/** Fields of a model that decide its share of the memory. */
export type MemoryNeed = Pick<ModelInfo, 'name' | 'kind' | 'path' | 'quant' | 'bytes' | 'leastBytes'>

/**
 * Divides the memory between models that are loaded at the same time. Returns the `memory` option of each, so that
 * together they stay within `memory`, or within `free` bytes without it. Throws a UserError if `memory` is too little
 * for all. Entries are undefined if the models need no limit: all fit, or even their minimum does not.
 */
export function shareMemory(
  models: readonly MemoryNeed[],
  memory?: number,
  free: number = availableMemory() - MARGIN,
): (number | undefined)[] {
  const shares = divide(memory ?? free, models)
  if (shares)
    return memory === undefined && shares.every((bytes, i) => bytes >= models[i].bytes)
      ? models.map(() => undefined)
      : shares
  if (memory === undefined) return models.map(() => undefined)
  const needs = models.map(({ name, leastBytes }) => `${name} needs ${formatSize(leastBytes)}`)
  const whole = models.filter(({ kind }) => kind !== 'packed').sort((a, b) => b.bytes - a.bytes)[0]
  const remedy = whole
    ? `\n${whole.name} is held whole; packed, it needs less: molm convert ${whole.path} OUT --quant ${whole.quant}`
    : ''
  throw new UserError(
    phrase`${option('memory')} ${formatSize(memory)} is too little for both: ${needs.join(', ')}${remedy}`,
  )
}

/**
 * Gives each model its minimum, and shares the rest in proportion to what each could still use. Undefined if the limit
 * is below the sum of the minima.
 */
function divide(limit: number, models: readonly MemoryNeed[]): number[] | undefined {
  const sum = (of: (model: MemoryNeed) => number) => models.reduce((total, model) => total + of(model), 0)
  const spare = limit - sum(({ leastBytes }) => leastBytes)
  if (spare < 0) return undefined
  const wanted = sum(({ bytes, leastBytes }) => bytes - leastBytes)
  const share = wanted === 0 ? 0 : Math.min(1, spare / wanted)
  return models.map(({ bytes, leastBytes }) => leastBytes + Math.floor((bytes - leastBytes) * share))
}
