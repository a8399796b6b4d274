import { randomUUID } from 'node:crypto'
import { readdir, rm } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { UserError } from '../../ground/errors.js'
import { makeFolder } from '../../ground/files/folders.js'
import { type Lock, takeLock } from '../../ground/files/lock.js'

/** Names of the folders, and of the locks beside them, which show that their owners run. */
const NAME = /^(\.molm-packing-[\w-]+?)(?:\.lock)?$/

/**
 * Runs `use` with a new folder beside `outDir`, and removes it afterwards. First removes the folders of processes that
 * were killed. A process takes the lock before it makes the folder, so a folder whose lock is free has no owner.
 */
export async function inPackingFolder<T>(outDir: string, use: (folder: string) => Promise<T>): Promise<T> {
  const parent = dirname(resolve(outDir))
  await removeAbandoned(parent)
  const folder = join(parent, `.molm-packing-${randomUUID()}`)
  const lock = await takeLock(`${folder}.lock`, `packing into ${folder}`)
  try {
    await makeFolder(folder)
    return await use(folder)
  } finally {
    await rm(folder, { recursive: true, force: true })
    await lock.release()
  }
}

async function removeAbandoned(parent: string): Promise<void> {
  const entries = await readdir(parent).catch(() => [])
  const names = new Set(entries.flatMap((entry) => NAME.exec(entry)?.[1] ?? []))
  for (const name of names) {
    const folder = join(parent, name)
    const lock = await freeLock(`${folder}.lock`)
    if (!lock) continue
    // A folder of another user cannot be removed, and stays.
    await rm(folder, { recursive: true, force: true }).catch(() => undefined)
    await lock.release()
  }
}

/** Takes the lock. Undefined if another process holds it, or if it cannot be taken here. */
async function freeLock(path: string): Promise<Lock | undefined> {
  try {
    return await takeLock(path, '')
  } catch (error) {
    if (error instanceof UserError) return undefined
    throw error
  }
}
