import { dirname } from 'node:path'
import { UserError } from '../ground/errors.js'
import { formatsFor, isSameFormats } from '../model/packing/format/formats.js'
import { openPackedFile } from '../model/packing/format/packed-file.js'
import type { PullOptions } from './hub/pull-options.js'
import type { PulledModel } from './hub/pulled-model.js'
import type { InstalledModel } from './installed-models.js'
import { pulledFolder, splitName } from './packing/model-folders.js'
import { pullModel } from './pull-model.js'

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
