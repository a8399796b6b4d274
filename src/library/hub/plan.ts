import { UserError } from '../../ground/errors.js'
import { formatBytes } from '../../ground/numbers.js'
import { span, type Tensor } from '../../model/checkpoint/tensor.js'
import type { Quant } from '../../model/packing/format/formats.js'
import type { Layout, Part } from '../../model/packing/format/layout.js'
import { comesInStretches, STRETCH_BYTES } from '../../model/packing/write/pack.js'
import type { PackSource, WeightFile } from '../../model/packing/write/pack-source.js'
import { checkDisks, type DiskNeed, diskNeeds } from '../machine/disk.js'

export type { DiskNeed } from '../machine/disk.js'

export interface PullPlan {
  repo: string
  commit: string
  quant: Quant
  /** hub: read by ranges while it is packed. keep: fetched into the hub's cache first. cache: already there. */
  way: 'hub' | 'keep' | 'cache'
  files: WeightFile[]
  /** Bytes that are still to be fetched. */
  fetchBytes: number
  packedBytes: number
  /** Parts of the packed file that an earlier pull has written. */
  partsDone: number
  parts: number
  disk: DiskNeed[]
  memory: {
    packing: number
    /** Needed to run the model with all weights in memory. With less (`memory`) it runs slower. */
    running: number
    free: number
  }
}

/** Memory of the process and its threads before any weights. */
const PROCESS_BYTES = 192 * 2 ** 20

/** Memory of a running model besides its weights: caches, activations, the process. */
const RUNNING_MARGIN = 256 * 2 ** 20

export interface PlanInput extends Pick<PullPlan, 'repo' | 'commit' | 'quant' | 'way'> {
  source: Pick<PackSource, 'tensors' | 'files'>
  layout: Layout
  /** Names of the parts that an earlier pull has packed. */
  done: ReadonlySet<string>
  folder: string
  /** Bytes of the checkpoint to request ahead of the packing. */
  readAhead: number
  /** Bytes of memory that this process may take. */
  freeMemory: number
  /** Bytes of parts that are done in another file, and are copied. Default: 0. */
  copied?: number
  /** Whether the checkpoint is read, and the weights are written, a second time. Default: false. */
  isReadTwice?: boolean
  /** The hub's cache and the bytes that the files still lack there. Absent unless they are kept. */
  toKeep?: { folder: string; bytes: number }
}

/** Plans a pull: bytes to fetch, room on the disks, memory. */
export async function planPull(input: PlanInput): Promise<PullPlan> {
  const { source, layout, done, copied = 0, folder, readAhead, freeMemory, toKeep, isReadTwice, ...about } = input
  const again = isReadTwice ? layout.parts : []
  const left = layout.parts.filter(({ name }) => !done.has(name))
  const toRead = [...left, ...again].reduce((sum, part) => sum + sourceBytes(part, source.tensors), 0)
  return {
    ...about,
    files: [...source.files],
    fetchBytes: about.way === 'hub' ? toRead : (toKeep?.bytes ?? 0),
    packedBytes: layout.bytes,
    partsDone: done.size,
    parts: layout.parts.length,
    disk: await diskNeeds([
      { folder, bytes: [...left, ...again].reduce((sum, part) => sum + part.bytes, copied) },
      ...(toKeep ? [toKeep] : []),
    ]),
    memory: { ...memoryNeeds(layout, readAhead), free: freeMemory },
  }
}

/** Bytes of a checkpoint that the packing reads for a part. */
export function sourceBytes(part: Part, tensors: Map<string, Tensor>): number {
  return sourceTensors(part, tensors).reduce((sum, tensor) => {
    const { start, end } = span(tensor)
    return sum + end - start
  }, 0)
}

/** Entries of a checkpoint that the packing reads for a part. */
export function sourceTensors({ pieces }: Part, tensors: Map<string, Tensor>): Tensor[] {
  const sources = pieces.flatMap(({ sources }) => sources)
  return sources
    .flatMap((source) => (source.scales ? [source, source.scales] : [source]))
    .map(({ view }) => view(tensors))
}

/** Bytes of memory to pack a layout, with `readAhead` bytes of the checkpoint held, and to run it. */
export function memoryNeeds(layout: Layout, readAhead: number): { packing: number; running: number } {
  const held = (part: Part) => (comesInStretches(part) ? Math.min(part.bytes, STRETCH_BYTES) : part.bytes)
  const largest = layout.parts.reduce((most, part) => Math.max(most, held(part)), 0)
  return { packing: PROCESS_BYTES + 2 * largest + 2 * readAhead, running: layout.bytes + RUNNING_MARGIN }
}

/** Throws a UserError if a plan does not fit on this computer. */
export function checkPlan({ repo, disk, memory }: PullPlan): void {
  checkDisks(repo, disk)
  if (memory.packing <= memory.free) return
  throw new UserError(
    `${repo}: packing needs ${formatBytes(memory.packing)} of memory, ${formatBytes(memory.free)} are free`,
  )
}
