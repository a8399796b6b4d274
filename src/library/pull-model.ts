import { access, constants, symlink } from 'node:fs/promises'
import os from 'node:os'
import { dirname, join, relative } from 'node:path'
import { UserError } from '../errors.js'
import { cannotWrite, makeFolder } from '../files/folders.js'
import { pull } from '../hub/pull.js'
import { type PullOptions, readRequest } from '../hub/pull-options.js'
import type { PulledModel } from '../hub/pulled-model.js'
import { availableMemory } from './available-memory.js'
import { withPacker } from './convert-model.js'
import { modelsHome, pulledFolder, shippedNames } from './model-folders.js'

/**
 * Fetches a model from the Hugging Face hub and packs it for molm under its name, `owner/name` or `owner/name:q8`. The
 * checkpoint is read by ranges while it is packed and never lies on the disk, unless `keep`. One that lies whole in the
 * hub's cache is packed from there, and the hub is not asked. A pull that was cut goes on where it stopped. Rejects with
 * a UserError when there is no such model, when it does not fit on this computer, or when the network fails for good.
 */
export async function pullModel(name: string, options: PullOptions = {}): Promise<PulledModel> {
  const { threads = os.availableParallelism() } = options
  const request = await readRequest(name, options)
  const shipped = (await shippedNames()).find((name) => name.toLowerCase() === request.repo.toLowerCase())
  if (shipped) throw new UserError(`${shipped} comes with molm: there is nothing to fetch`)
  await checkHome()
  const computer = {
    placeOf: (repo: string) => ({ folder: pulledFolder(repo), lock: pullLock(repo) }),
    alsoCall,
    freeMemory: availableMemory(),
    withPacker: <T>(work: Parameters<typeof withPacker<T>>[1]) => withPacker(threads, work),
  }
  return pull(request, computer, options)
}

/** Says at once, before anything is fetched, where models cannot be kept. */
async function checkHome(): Promise<void> {
  const locks = join(modelsHome(), 'locks')
  try {
    await makeFolder(locks)
    await access(locks, constants.W_OK)
  } catch (error) {
    const { message } = cannotWrite(modelsHome(), error) as Error
    throw new UserError(`${message}\nlet MOLM_HOME name a folder in which models can be kept`)
  }
}

/** A link to the model's folder, where there is nothing of that name. Without one the model is found by its new name. */
async function alsoCall(former: string, repo: string): Promise<void> {
  const link = pulledFolder(former)
  try {
    await makeFolder(dirname(link))
    await symlink(relative(dirname(link), pulledFolder(repo)), link, 'junction')
  } catch {}
}

/** The file that a pull of a repository holds, so that no other writes to its folder. */
export function pullLock(repo: string): string {
  return join(modelsHome(), 'locks', `${repo.replaceAll('/', '--')}.lock`)
}
