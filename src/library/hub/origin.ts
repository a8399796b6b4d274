import { join } from 'node:path'
import type { FileSet } from '../../ground/files/byte-source.js'
import { localFolder } from '../../ground/files/local-folder.js'
import { type Contents, cachedGguf, contentsOf, modelName, pathIn } from './contents.js'
import type { PullPlan } from './plan.js'
import type { PullOptions, PullRequest } from './pull-options.js'
import { CacheFolder } from './transfer/cache.js'
import { HubClient } from './transfer/client.js'
import { HubRepository } from './transfer/repository.js'
import { Unreachable } from './transfer/retry.js'

/** A model to pull, and the way it is read. */
export interface Origin {
  /** The repository's present name, which may differ from the requested one. */
  repo: string
  /** Name of the model here: the repository's, with the tag of a GGUF file. */
  name: string
  contents: Contents
  way: PullPlan['way']
  commit: string
  /** Files outside folders. */
  files: FileSet
  /** The folder of the weights, if it is on this computer. */
  local?: FileSet
  /** Absent if all files are on this computer. */
  remote?: { client: HubClient; repository: HubRepository; cache: CacheFolder }
}

/**
 * Finds the origin of the model, and keeps the connection to it while `use` runs. Does not ask the hub if the cache has
 * all files. Rejects with Unreachable if the hub must not or cannot be asked.
 */
export async function withOrigin<T>(
  request: PullRequest,
  { onNote, signal }: Pick<PullOptions, 'onNote' | 'signal'>,
  use: (origin: Origin) => Promise<T>,
): Promise<T> {
  const { revision, environment, network, keep, fresh } = request
  const cache = new CacheFolder(environment.cache, request.repo)
  const cached = fresh ? undefined : await inCache(cache, revision, request)
  if (cached) return use(cached)
  if (environment.offline) {
    throw new Unreachable(
      fresh
        ? `${request.repo}: HF_HUB_OFFLINE forbids asking for a newer commit`
        : `${request.repo}: not complete in the hub's cache at ${cache.path}, and HF_HUB_OFFLINE forbids fetching it`,
    )
  }
  const client = new HubClient({ environment, network, signal, onRetry: onNote })
  try {
    const repository = await HubRepository.open(client, environment.endpoint, request.repo, revision)
    const { commit, name: repo } = repository
    const names = { plain: await repository.list(), gguf: repository.ggufFiles() }
    const contents = contentsOf(names, { ...request, repo }, (message) => onNote?.(message))
    const remote = { client, repository, cache: new CacheFolder(environment.cache, repo) }
    const stored = await storedOrigin(remote.cache, repo, commit, contents)
    if (stored) return await use(stored)
    const name = modelName(repo, contents)
    return await use({ repo, name, contents, way: keep ? 'keep' : 'hub', commit, files: repository, remote })
  } finally {
    client.close()
  }
}

/** The model in the cache, if it has what the request asks for, so that the hub need not be asked. */
async function inCache(cache: CacheFolder, revision: string, request: PullRequest): Promise<Origin | undefined> {
  const { repo, suffix, quant, environment } = request
  const checkpoint = suffix === undefined || suffix === quant ? await cache.checkpoint(revision) : undefined
  if (checkpoint && (environment.offline || checkpoint.hasTokenizer)) {
    const files = localFolder(checkpoint.dir)
    const { commit } = checkpoint
    return { repo, name: repo, contents: { kind: 'checkpoint' }, way: 'cache', commit, files, local: files }
  }
  const found = checkpoint ? undefined : await cache.ggufFiles(revision)
  const choice = found && cachedGguf(found.names, request, environment.offline)
  return choice && storedOrigin(cache, repo, found.commit, { kind: 'gguf', choice })
}

/** A model in the cache at a known commit; undefined if some of its files are missing. */
async function storedOrigin(
  cache: CacheFolder,
  repo: string,
  commit: string,
  contents: Contents,
): Promise<Origin | undefined> {
  const about = { repo, name: modelName(repo, contents), contents, way: 'cache', commit } as const
  if (contents.kind === 'packed') return undefined
  if (contents.kind === 'checkpoint') {
    const stored = await cache.checkpoint(commit)
    const files = stored && localFolder(stored.dir)
    return files && { ...about, files, local: files }
  }
  const { folder, files } = contents.choice
  const stored = await cache.ggufFiles(commit)
  if (!stored || !files.every((file) => stored.names.includes(pathIn(folder, file)))) return undefined
  return { ...about, files: localFolder(stored.dir), local: localFolder(join(stored.dir, folder)) }
}
