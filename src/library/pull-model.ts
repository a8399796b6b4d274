import { access, constants, symlink } from 'node:fs/promises'
import os from 'node:os'
import { dirname, join, relative } from 'node:path'
import { UserError } from '../ground/errors.js'
import { cannotWrite, makeFolder } from '../ground/files/folders.js'
import { molmHome } from '../ground/files/home.js'
import { availableMemory } from './available-memory.js'
import { type CalibrationTexts, checkCalibration, pullCalibration } from './calibration.js'
import { pull } from './hub/pull.js'
import { type PullOptions, readRequest } from './hub/pull-options.js'
import type { PulledModel } from './hub/pulled-model.js'
import { folderName, namesOf, pulledFolder, shippedNames, splitName } from './packing/model-folders.js'
import { openPackSource, readBlueprint } from './packing/open-pack-source.js'
import { storeTokenizer } from './packing/store-tokenizer.js'
import { withPacker } from './packing/with-packer.js'

export interface ModelPullOptions extends PullOptions {
  /** As in `convertModel`. The weights are fetched twice unless `keep` is set. */
  calibrate?: CalibrationTexts
}

/**
 * Fetches a model from the Hugging Face hub and packs it under its name, `owner/name`, `owner/name:q8`, or for a GGUF
 * file `owner/name-GGUF:Q4_K_M`. The weights are read by ranges while they are packed and never stored, unless `keep` is
 * set. A model that is complete in the hub's cache is packed from there without asking the hub. A model that is packed
 * already is fetched as it is. An interrupted pull resumes. Rejects with a UserError if there is no such model, if it
 * does not fit on this computer, or if the network keeps failing.
 */
export async function pullModel(name: string, options: ModelPullOptions = {}): Promise<PulledModel> {
  const { threads = os.availableParallelism(), calibrate, signal } = options
  const { repository } = splitName(name)
  const shipped = (await shippedNames()).find((name) => name.toLowerCase() === repository.toLowerCase())
  if (shipped) throw new UserError(`${shipped} comes with molm: there is nothing to fetch`)
  const request = await readRequest(name, options)
  if (calibrate) checkCalibration(calibrate, request.quant)
  await checkHome()
  const computer = {
    placeOf: (repo: string) => ({ folder: pulledFolder(repo), lock: pullLock(repo) }),
    alsoCall,
    freeMemory: availableMemory(),
    openSource: openPackSource,
    readBlueprint,
    namesOf,
    ...(calibrate && { calibration: pullCalibration(calibrate, { threads, signal }) }),
    withPacker: <T>(work: Parameters<typeof withPacker<T>>[1]) => withPacker(threads, work),
  }
  const pulled = await pull(request, computer, options)
  await storeTokenizer(dirname(pulled.path))
  return pulled
}

/** Rejects with a UserError if models cannot be stored. Runs before anything is fetched. */
async function checkHome(): Promise<void> {
  const locks = join(molmHome(), 'locks')
  try {
    await makeFolder(locks)
    await access(locks, constants.W_OK)
  } catch (error) {
    const { message } = cannotWrite(molmHome(), error) as Error
    throw new UserError(`${message}\nset MOLM_HOME to a folder that models can be stored in`)
  }
}

/** Links a former name to the model's folder, unless the name is taken. If that fails, only the new name works. */
async function alsoCall(former: string, repo: string): Promise<void> {
  const link = pulledFolder(former)
  try {
    await makeFolder(dirname(link))
    await symlink(relative(dirname(link), pulledFolder(repo)), link, 'junction')
  } catch {}
}

/** Lock file of a model. A pull holds it, so that no other process writes to the model's folder. */
export function pullLock(name: string): string {
  return join(molmHome(), 'locks', `${folderName(name).replaceAll('/', '--')}.lock`)
}
