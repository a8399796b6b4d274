import { access, constants } from 'node:fs/promises'
import os from 'node:os'
import { dirname, join } from 'node:path'
import { UserError } from '../ground/errors.js'
import { cannotWrite, makeFolder } from '../ground/files/folders.js'
import { molmHome } from '../ground/files/home.js'
import { formatsFor, isSameFormats } from '../model/packing/format/formats.js'
import { openPackedFile } from '../model/packing/format/packed-file.js'
import { type CalibrationTexts, checkCalibration, pullCalibration } from './calibration.js'
import { rowOf, sourcesOf } from './catalogue/known-names.js'
import { pulledFolder, shippedNames, splitName } from './folders/model-folders.js'
import { pull } from './hub/pull.js'
import { DEFAULT_QUANT, type PullOptions, readRequest } from './hub/pull-options.js'
import type { PulledModel } from './hub/pulled-model.js'
import type { InstalledModel } from './installed-models.js'
import { availableMemory } from './machine/memory.js'
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

/** Whether a model follows a branch of a repository: it is whole, and was not pulled at a commit. */
export function followsBranch({ name, path, state, branch = '' }: InstalledModel): boolean {
  const { repository } = splitName(name)
  return state === 'whole' && dirname(path) === pulledFolder(repository) && !isCommit(branch)
}

/**
 * Fetches what has changed of a pulled model: only the files that the hub's checksums show to be others than before. The
 * former model stays whole until the new one is, and a program that has it open keeps it. Rejects with a UserError if the
 * model was not pulled, stays at a commit, or was calibrated and has changed, and as `pullModel` does.
 */
export async function updateModel(model: InstalledModel, options: PullOptions = {}): Promise<PulledModel> {
  if (!followsBranch(model)) throw new UserError(reasonAgainst(model))
  const { path, branch } = model
  const { repository } = splitName(model.name)
  const { quant, formats, calibration } = (await openPackedFile(path)).metadata
  // A GGUF file that was packed in the formats that it has gets the new file's.
  const isOwn = repository.includes(':') && !isSameFormats(formats, formatsFor(quant))
  return pullModel(repository, {
    ...options,
    ...{ fresh: true, revision: branch, quant: isOwn ? undefined : quant },
    onPlan: (plan) => {
      if (plan.repo !== repository) {
        throw new UserError(`${repository} is now called ${plan.repo}; \`molm pull ${plan.repo}\` fetches it`)
      }
      options.onPlan?.(plan)
      if (!calibration) return
      const texts = calibration.texts.map(({ name }) => name).join(' ')
      throw new UserError(
        `${model.name} was calibrated with ${texts}: \`molm pull ${model.name} --calibrate\` with texts does both again`,
      )
    },
  })
}

function reasonAgainst({ name, path, state, branch = '' }: InstalledModel): string {
  const { repository } = splitName(name)
  if (dirname(path) !== pulledFolder(repository) && state !== 'partial') {
    return `${name}: only its packed copy is here, which is packed again when the file changes`
  }
  if (isCommit(branch)) {
    return `${name} was pulled at commit ${branch.slice(0, 7)} and stays there; \`molm pull ${name}\` takes main`
  }
  return `${name} is ${state === 'partial' ? 'only partly pulled' : state}; \`molm pull ${name}\` fetches the rest`
}

function isCommit(branch: string): boolean {
  return /^[0-9a-f]{40}$/.test(branch)
}
