import { symlink } from 'node:fs/promises'
import { dirname, relative } from 'node:path'
import { UserError } from '../../ground/errors.js'
import { makeFolder } from '../../ground/files/folders.js'
import { takeLock } from '../../ground/files/lock.js'
import { QUANTS } from '../../model/packing/format/formats.js'
import { namesOf, pulledFolder, pullLock } from '../folders/model-folders.js'
import { CheckpointPull } from './checkpoint-pull.js'
import { modelName } from './contents.js'
import { DEFAULT_TAG, isSame } from './gguf-choice.js'
import { type Origin, withOrigin } from './origin.js'
import { pullPacked } from './packed-pull.js'
import { DEFAULT_QUANT, DEFAULT_REVISION, type PullCallbacks, type PullRequest } from './pull-options.js'
import { findPulledModel, type PulledModel, type PullPlace } from './pulled-model.js'
import { Unreachable } from './transfer/retry.js'

type PullComputer = Omit<PullPlace, 'folder'>

/** Pulls a model from the hub's cache, else from the hub. If that does not answer, takes the model of an earlier pull. */
export async function pull(
  request: PullRequest,
  computer: PullComputer,
  callbacks: PullCallbacks,
): Promise<PulledModel> {
  try {
    return await withOrigin(request, callbacks, (origin) => pullFrom(origin, request, computer, callbacks))
  } catch (error) {
    const here = error instanceof Unreachable ? await findUnchecked(request, computer) : undefined
    if (!here) throw error
    callbacks.onNote?.(`${request.repo}: the hub was not asked for a newer commit`)
    return here
  }
}

async function pullFrom(
  origin: Origin,
  request: PullRequest,
  computer: PullComputer,
  callbacks: PullCallbacks,
): Promise<PulledModel> {
  const { repo, name, contents, remote } = origin
  const isRenamed = repo !== request.repo
  if (isRenamed) callbacks.onNote?.(`${request.repo} is now called ${repo}`)
  const place = { ...computer, folder: pulledFolder(name) }
  if (contents.kind === 'packed' && computer.calibration) {
    throw new UserError(`${name}: is packed already; only a checkpoint can be calibrated`)
  }
  const lock = await takeLock(pullLock(name), `a pull of ${name}`)
  try {
    const model =
      contents.kind === 'packed' && remote
        ? await pullPacked({ ...origin, remote }, contents.quant, request, place, callbacks)
        : await new CheckpointPull({ ...request, repo }, place, callbacks, origin).run()
    if (isRenamed) await alsoCall(modelName(request.repo, contents), name)
    return model
  } finally {
    await lock.release()
  }
}

/** Finds the model of an earlier pull; the hub may have a newer commit. */
async function findUnchecked(request: PullRequest, computer: PullComputer): Promise<PulledModel | undefined> {
  const { repo, suffix, quant, revision, verify, keep, fresh } = request
  if (verify || keep || fresh) return undefined
  const names = await namesOf(repo)
  const isTagged = suffix !== undefined && suffix !== quant
  const wanted = isTagged ? `${repo}:${suffix}` : repo
  const name = names.find((name) => isSame(name, wanted)) ?? (isTagged ? undefined : onlyOrDefault(names, repo))
  if (name === undefined) return undefined
  for (const packing of quant ? [quant] : [DEFAULT_QUANT, ...QUANTS]) {
    const found = await findPulledModel(pulledFolder(name), packing, computer)
    if (found && (revision === DEFAULT_REVISION || found.commit === revision)) return found
    // A checkpoint has no other packing than the default unless one is asked for.
    if (name === repo) return undefined
  }
  return undefined
}

/** The only model of several GGUF files, or the default one. */
function onlyOrDefault(names: readonly string[], repo: string): string | undefined {
  return names.length === 1 ? names[0] : names.find((name) => isSame(name, `${repo}:${DEFAULT_TAG}`))
}

/** Links a former name to the model's folder, unless the name is taken. If that fails, only the new name works. */
async function alsoCall(former: string, repo: string): Promise<void> {
  const link = pulledFolder(former)
  try {
    await makeFolder(dirname(link))
    await symlink(relative(dirname(link), pulledFolder(repo)), link, 'junction')
  } catch {}
}
