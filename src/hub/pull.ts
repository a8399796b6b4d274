import { takeLock } from '../files/lock.js'
import { CheckpointPull, type PullCallbacks, type PullPlace } from './checkpoint-pull.js'
import { type Origin, withOrigin } from './origin.js'
import { DEFAULT_REVISION, type PullRequest } from './pull-options.js'
import { findPulledModel, type PulledModel } from './pulled-model.js'
import { Unreachable } from './retry.js'

/** The computer to pull a model to. */
export interface PullComputer extends Omit<PullPlace, 'folder'> {
  /** Folder and lock file of a pulled model. */
  placeOf(repo: string): { folder: string; lock: string }
  /** Makes a former name an alias of the model `repo`. */
  alsoCall(former: string, repo: string): Promise<void>
}

/**
 * Pulls a model from the hub's cache, else from the hub. If the hub does not answer, falls back to the model of an
 * earlier pull.
 */
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
  const { repo } = origin
  const isRenamed = repo !== request.repo
  if (isRenamed) callbacks.onNote?.(`${request.repo} is now called ${repo}`)
  const place = computer.placeOf(repo)
  const lock = await takeLock(place.lock, `a pull of ${repo}`)
  try {
    const model = await new CheckpointPull({ ...request, repo }, { ...computer, ...place }, callbacks, origin).run()
    if (isRenamed) await computer.alsoCall(request.repo, repo)
    return model
  } finally {
    await lock.release()
  }
}

/** Finds the model of an earlier pull; the hub may have a newer commit. */
async function findUnchecked(request: PullRequest, computer: PullComputer): Promise<PulledModel | undefined> {
  const { repo, quant, revision, verify, keep } = request
  if (verify || keep) return undefined
  const found = await findPulledModel(computer.placeOf(repo).folder, quant)
  const isWanted = revision === DEFAULT_REVISION || found?.commit === revision
  return isWanted ? found : undefined
}
