import { stat, statfs } from 'node:fs/promises'
import { dirname } from 'node:path'
import { UserError } from '../../ground/errors.js'
import { option, phrase } from '../../ground/message.js'
import { formatBytes } from '../../ground/numbers.js'

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
