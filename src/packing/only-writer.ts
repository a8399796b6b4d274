import { rmdir } from 'node:fs/promises'
import { join } from 'node:path'
import { codeOf } from '../errors.js'
import { cannotWrite, makeFolder } from '../files/folders.js'
import { type Lock, takeLock } from '../files/lock.js'
import { checkMayReceive, LOCK } from './packed-folder.js'

/** How often a folder that another writer removes meanwhile is made again. */
const TRIES = 10

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
    if (isNew) await rmdir(outDir).catch(() => undefined)
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
      if (isNew) await rmdir(outDir).catch(() => undefined)
      throw cannotWrite(outDir, error)
    }
  }
}
