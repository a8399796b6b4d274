import os from 'node:os'
import { join } from 'node:path'
import { type PulledModel, pull } from '../hub/pull.js'
import { type PullOptions, readRequest } from '../hub/pull-request.js'
import { availableMemory } from './available-memory.js'
import { withPacker } from './convert-model.js'
import { modelsHome, pulledFolder } from './resolve-model.js'

/**
 * Fetches a model from the Hugging Face hub and packs it for molm under its name, `owner/name` or `owner/name:q8`. The
 * checkpoint is read by ranges while it is packed and never lies on the disk, unless `keep`. One that lies whole in the
 * hub's cache is packed from there, and the hub is not asked. A pull that was cut goes on where it stopped. Rejects with
 * a UserError when there is no such model, when it does not fit on this computer, or when the network fails for good.
 */
export async function pullModel(name: string, options: PullOptions = {}): Promise<PulledModel> {
  const { threads = os.availableParallelism() } = options
  const request = await readRequest(name, options)
  const place = {
    folder: pulledFolder(request.repo),
    lock: pullLock(request.repo),
    freeMemory: availableMemory(),
    withPacker: <T>(work: Parameters<typeof withPacker<T>>[1]) => withPacker(threads, work),
  }
  return pull(request, place, options)
}

/** The file that a pull of a repository holds, so that no other writes to its folder. */
export function pullLock(repo: string): string {
  return join(modelsHome(), 'locks', `${repo.replaceAll('/', '--')}.lock`)
}
