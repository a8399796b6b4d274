import { UserError } from '../../ground/errors.js'
import { takeLock } from '../../ground/files/lock.js'
import { QUANTS } from '../../model/packing/format/formats.js'
import { CheckpointPull } from './checkpoint-pull.js'
import { modelName } from './contents.js'
import { DEFAULT_TAG, isSame } from './gguf-choice.js'
import { type Origin, withOrigin } from './origin.js'
import { pullPacked } from './packed-pull.js'
import { DEFAULT_QUANT, DEFAULT_REVISION, type PullCallbacks, type PullRequest } from './pull-options.js'
import type { PullPlace } from './pull-place.js'
import { findPulledModel, type PulledModel } from './pulled-model.js'
import { Unreachable } from './transfer/retry.js'

export interface PullComputer extends Omit<PullPlace, 'folder'> {
  placeOf(repo: string): { folder: string; lock: string }
  /** Makes a former name an alias of a model. */
  alsoCall(former: string, model: string): Promise<void>
  /** Names of the models here from a repository: its own, and those with tags of GGUF files. */
  namesOf(repo: string): Promise<string[]>
}

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
  const place = { ...computer, ...computer.placeOf(name) }
  if (contents.kind === 'packed' && computer.calibration) {
    throw new UserError(`${name}: is packed already; only a checkpoint can be calibrated`)
  }
  const lock = await takeLock(place.lock, `a pull of ${name}`)
  try {
    const model =
      contents.kind === 'packed' && remote
        ? await pullPacked({ ...origin, remote }, contents.quant, request, place, callbacks)
        : await new CheckpointPull({ ...request, repo }, place, callbacks, origin).run()
    if (isRenamed) await computer.alsoCall(modelName(request.repo, contents), name)
    return model
  } finally {
    await lock.release()
  }
}

/** Finds the model of an earlier pull; the hub may have a newer commit. */
async function findUnchecked(request: PullRequest, computer: PullComputer): Promise<PulledModel | undefined> {
  const { repo, suffix, quant, revision, verify, keep } = request
  if (verify || keep) return undefined
  const names = await computer.namesOf(repo)
  const isTagged = suffix !== undefined && suffix !== quant
  const wanted = isTagged ? `${repo}:${suffix}` : repo
  const name = names.find((name) => isSame(name, wanted)) ?? (isTagged ? undefined : onlyOrDefault(names, repo))
  if (name === undefined) return undefined
  for (const packing of quant ? [quant] : [DEFAULT_QUANT, ...QUANTS]) {
    const found = await findPulledModel(computer.placeOf(name).folder, packing, computer)
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
