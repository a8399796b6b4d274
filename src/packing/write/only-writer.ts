import { readdir, rmdir } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { codeOf } from '../../errors.js'
import { cannotWrite, makeFolder } from '../../files/folders.js'
import { type Lock, takeLock } from '../../files/lock.js'
import { LOCK } from '../format/packed-folder.js'
import { checkMayReceive } from './staged-model.js'

/** How often a folder that another writer removes meanwhile is made again. */
const TRIES = 10
/** How often, and every how many milliseconds, the removal of a folder is tried that holds no more than a lock. */
const REMOVALS = 100
const BETWEEN_MS = 10

/**
 * Runs `work` as the only process that writes a packed model into `outDir`, which is made if it is absent, and is gone
 * again if it is empty afterwards. Rejects with a UserError when another process writes there, when the folder holds
 * other things, or when it cannot be written.
 */
export async function asOnlyWriter<T>(outDir: string, work: () => Promise<T>): Promise<T> {
  await checkMayReceive(outDir)
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
 * Removes a folder that this process has made, unless something was written into it. The lock of another process that is
 * about to leave does not keep it: that process found the folder there, and would leave it behind.
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
