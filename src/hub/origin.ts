import type { FileSet } from '../checkpoint/byte-source.js'
import { localFolder } from '../checkpoint/local-folder.js'
import { type CachedCheckpoint, CacheFolder } from './cache.js'
import { HubClient } from './client.js'
import type { PullPlan } from './plan.js'
import type { PullOptions, PullRequest } from './pull-options.js'
import { HubRepository } from './repository.js'
import { Unreachable } from './retry.js'

/** A checkpoint to pack, and the way it is read. */
export interface Origin {
  /** The repository's present name, which may differ from the requested one. */
  repo: string
  way: PullPlan['way']
  commit: string
  files: FileSet
  /** Absent if all files are on this computer. */
  remote?: { client: HubClient; repository: HubRepository; cache: CacheFolder }
}

/**
 * Finds the origin of the checkpoint, and keeps the connection to it while `use` runs. Does not ask the hub if the
 * cache has all files. Rejects with Unreachable if the hub must not or cannot be asked.
 */
export async function withOrigin<T>(
  request: PullRequest,
  { onNote, signal }: Pick<PullOptions, 'onNote' | 'signal'>,
  use: (origin: Origin) => Promise<T>,
): Promise<T> {
  const { revision, environment, network, keep } = request
  let { repo } = request
  let cache = new CacheFolder(environment.cache, repo)
  const inCache = ({ commit, dir }: CachedCheckpoint): Origin => ({
    repo,
    way: 'cache',
    commit,
    files: localFolder(dir),
  })
  const cached = await cache.checkpoint(revision)
  if (cached && (environment.offline || cached.hasTokenizer)) return use(inCache(cached))
  if (environment.offline) {
    throw new Unreachable(
      `${repo}: not complete in the hub's cache at ${cache.path}, and HF_HUB_OFFLINE forbids fetching it`,
    )
  }
  const client = new HubClient({ environment, network, signal, onRetry: onNote })
  try {
    const repository = await HubRepository.open(client, environment.endpoint, repo, revision)
    const { commit } = repository
    repo = repository.name
    cache = new CacheFolder(environment.cache, repo)
    const stored = await cache.checkpoint(commit)
    if (stored) return await use(inCache(stored))
    const remote = { client, repository, cache }
    return await use({ repo, way: keep ? 'keep' : 'hub', commit, files: repository, remote })
  } finally {
    client.close()
  }
}
