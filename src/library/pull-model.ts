import { access, constants } from 'node:fs/promises'
import os from 'node:os'
import { dirname, join } from 'node:path'
import { UserError } from '../ground/errors.js'
import { cannotWrite, makeFolder } from '../ground/files/folders.js'
import { molmHome } from '../ground/files/home.js'
import { availableMemory } from './available-memory.js'
import { type CalibrationTexts, checkCalibration, pullCalibration } from './calibration.js'
import { rowOf, sourcesOf } from './catalogue/known-names.js'
import { pull } from './hub/pull.js'
import { DEFAULT_QUANT, type PullOptions, readRequest } from './hub/pull-options.js'
import type { PulledModel } from './hub/pulled-model.js'
import { shippedNames, splitName } from './packing/model-folders.js'
import { storeTokenizer } from './packing/store-tokenizer.js'

export interface ModelPullOptions extends PullOptions {
  /** As in `convertModel`. The weights are fetched twice unless `keep` is set. */
  calibrate?: CalibrationTexts
}

/**
 * Fetches a model from the Hugging Face hub and packs it under its name, `owner/name`, `owner/name:q8`, or for a GGUF
 * file `owner/name-GGUF:Q4_K_M`. A short name (`granite`) means one of these (`knownModels` lists them). The weights are read by ranges while they are packed and never stored, unless `keep` is
 * set. A model that is complete in the hub's cache is packed from there without asking the hub. A model that is packed
 * already is fetched as it is. An interrupted pull resumes. Rejects with a UserError if there is no such model, if it
 * does not fit on this computer, or if the network keeps failing.
 */
export async function pullModel(name: string, options: ModelPullOptions = {}): Promise<PulledModel> {
  const { threads = os.availableParallelism(), calibrate, signal } = options
  const { repository, quant } = splitName(name)
  const shipped = (await shippedNames()).find((name) => name.toLowerCase() === repository.toLowerCase())
  if (shipped) throw new UserError(`${shipped} comes with molm: there is nothing to fetch`)
  const row = rowOf(repository)
  // Texts decide how floats are rounded; the weights of a GGUF file are rounded already.
  const packing = quant ?? options.quant ?? (calibrate ? DEFAULT_QUANT : undefined)
  const [source] = row ? sourcesOf(row, packing) : []
  const request = await readRequest(source === undefined ? name : `${source}${quant ? `:${quant}` : ''}`, options)
  if (calibrate) checkCalibration(calibrate, request.quant)
  await checkHome()
  const calibration = calibrate && pullCalibration(calibrate, { threads, signal })
  const pulled = await pull(request, { freeMemory: availableMemory(), threads, calibration }, options)
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
    const { message } = cannotWrite(molmHome(), (error as Error).cause ?? error) as Error
    throw new UserError(`${message}\nset MOLM_HOME to a folder that models can be stored in`)
  }
}
