import { takeLock } from '../files/lock.js'
import { CheckpointPull, type PullCallbacks, type PullPlace } from './checkpoint-pull.js'
import { type Origin, withOrigin } from './origin.js'
import { DEFAULT_REVISION, type PullRequest } from './pull-options.js'
import { findPulledModel, type PulledModel } from './pulled-model.js'
import { Unreachable } from './retry.js'

/** The computer that a model is pulled to. */
export interface PullComputer extends Omit<PullPlace, 'folder'> {
  /** The folder that a pulled model is kept in, and the lock file beside it. */
  placeOf(repo: string): { folder: string; lock: string }
  /** Lets the model `repo` be called by a former name as well. */
  alsoCall(former: string, repo: string): Promise<void>
}

/**
 * Pulls a model, from the hub's cache where it lies there, else from the hub. Without an answer from the hub a model that
 * is here already will do.
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
    callbacks.onNote?.(`${request.repo}: the hub was not asked whether there is anything newer`)
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

/** The model of an earlier pull, which the hub may have a newer one of. */
async function findUnchecked(request: PullRequest, computer: PullComputer): Promise<PulledModel | undefined> {
  const { repo, quant, revision, verify, keep } = request
  if (verify || keep) return undefined
  const found = await findPulledModel(computer.placeOf(repo).folder, quant)
  const isWanted = revision === DEFAULT_REVISION || found?.commit === revision
  return isWanted ? found : undefined
}
