import { readdir, rmdir } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { codeOf } from '../../../ground/errors.js'
import { cannotWrite, makeFolder } from '../../../ground/files/folders.js'
import { type Lock, takeLock } from '../../../ground/files/lock.js'
import { LOCK } from '../format/packed-folder.js'
import { formerFiles } from './staged-model.js'

/** Attempts to create the folder while another writer removes it. */
const TRIES = 10
/** Attempts to remove a folder that holds only a lock, and milliseconds between them. */
const REMOVALS = 100
const BETWEEN_MS = 10

/**
 * Runs `work` as the only process that writes a packed model into `outDir`. The folder is created if it is absent, and
 * removed again if it is empty afterwards. Rejects with a UserError if another process writes there, if the folder
 * holds other files, or if it cannot be written.
 */
export async function asOnlyWriter<T>(outDir: string, work: () => Promise<T>): Promise<T> {
  // Only to refuse a folder of other files.
  await formerFiles(outDir)
  const { lock, isNew } = await claim(outDir)
  try {
    return await work()
  } finally {
    await lock.release()
    if (isNew) await removeIfEmpty(outDir)
  }
}

async function claim(outDir: string): Promise<{ lock: Lock; isNew: boolean }> {
  let isNew = false
  for (let tries = 1; ; tries++) {
    try {
      if (await makeFolder(outDir)) isNew = true
      return { lock: await takeLock(join(outDir, LOCK), `writing into ${outDir}`), isNew }
    } catch (error) {
      const { cause = error } = error as Error
      if (codeOf(cause) === 'ENOENT' && tries < TRIES) continue
      if (isNew) await removeIfEmpty(outDir)
      throw cannotWrite(outDir, error)
    }
  }
}

/**
 * Removes a folder that this process has created, unless something was written into it. The lock of another process
 * that is about to leave counts as nothing: that process found the folder there, and would leave it behind.
 */
async function removeIfEmpty(outDir: string): Promise<void> {
  for (let tries = 0; tries < REMOVALS; tries++) {
    const left = await rmdir(outDir).then(
      () => [],
      () => readdir(outDir).catch(() => []),
    )
    if (left.length === 0 || !left.every((name) => name.startsWith(LOCK))) return
    await sleep(BETWEEN_MS)
  }
}
