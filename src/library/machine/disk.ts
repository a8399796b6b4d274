import { closeSync, openSync, readSync } from 'node:fs'
import { stat, statfs } from 'node:fs/promises'
import { dirname } from 'node:path'
import { UserError } from '../../ground/errors.js'
import { option, phrase } from '../../ground/message.js'
import { formatBytes } from '../../ground/numbers.js'
import type { PackedFile } from '../../model/packing/format/packed-file.js'

/** A folder to write to, with the bytes needed and free there. */
export interface DiskNeed {
  folder: string
  bytes: number
  free: number
}

/** Bytes kept free on a disk besides the plan: journals, the tokenizer's files, folders. */
const DISK_MARGIN = 16 * 2 ** 20

/** Adds the free bytes of each folder's disk. Needs on one file system are added up. */
export async function diskNeeds(needs: readonly { folder: string; bytes: number }[]): Promise<DiskNeed[]> {
  const bySystem = new Map<number, DiskNeed>()
  for (const { folder, bytes } of needs) {
    const existing = await nearestFolder(folder)
    const { dev } = await stat(existing)
    const { bavail, bsize } = await statfs(existing)
    const known = bySystem.get(dev)
    if (known) known.bytes += bytes
    else bySystem.set(dev, { folder, bytes, free: bavail * bsize })
  }
  return [...bySystem.values()]
}

/** Throws a UserError if a model does not fit on the disks. */
export function checkDisks(model: string, needs: readonly DiskNeed[]): void {
  for (const { folder, bytes, free } of needs) {
    if (bytes === 0 || bytes + DISK_MARGIN <= free) continue
    const spare = `${formatBytes(DISK_MARGIN)} to spare; ${formatBytes(free)} are free`
    throw new UserError(
      phrase`${model}: needs ${formatBytes(bytes)} of disk in ${folder}, and ${spare}\nmake room there, or set MOLM_HOME (with ${option('keep')} HF_HOME) to a folder on a larger disk`,
    )
  }
}

async function nearestFolder(path: string): Promise<string> {
  for (let at = path; ; at = dirname(at)) {
    if ((await stat(at).catch(() => undefined)) || at === dirname(at)) return at
  }
}

/** Longest measurement, and most parts read. */
const MOST_MS = 500
const MOST_PARTS = 1024

/**
 * Measures how fast parts of a packed file are read, one after the other in no order and synchronously, as the engine
 * reads experts: bytes per second. Parts that the system holds in its cache count, as they do for a model.
 */
export function measureReading({ path, parts }: PackedFile): number {
  const ranges = [...parts.values()]
  const file = openSync(path, 'r')
  try {
    const buffer = new Uint8Array(ranges.reduce((most, { bytes }) => Math.max(most, bytes), 0))
    const started = performance.now()
    let read = 0
    for (let i = 0; i < MOST_PARTS && (i < 2 || performance.now() - started < MOST_MS); i++) {
      const { offset, bytes } = ranges[(Math.imul(i + 1, 0x9e3779b1) >>> 0) % ranges.length]
      read += readSync(file, buffer, 0, bytes, offset)
    }
    return read / ((performance.now() - started) / 1000)
  } finally {
    closeSync(file)
  }
}
