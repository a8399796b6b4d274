import { join } from 'node:path'
import { FAMILY_FILE } from '../../model/families/index.js'
import { isGguf } from '../../model/gguf/file/split-names.js'
import { isCompanion, isNote } from '../../model/packing/format/companions.js'
import type { PackSource, WeightFile } from '../../model/packing/write/pack-source.js'
import type { Track } from './pull-options.js'
import { type CacheFolder, cachedHash } from './transfer/cache.js'
import type { HubClient } from './transfer/client.js'
import { bytesInCache, downloadToCache } from './transfer/download.js'
import type { HubRepository, RepositoryFile } from './transfer/repository.js'
import { verifyLocal } from './transfer/verify.js'

/** Bytes still to download for a model with these files of weights. */
export async function bytesToKeep(cache: CacheFolder, repository: HubRepository, weights: readonly WeightFile[]) {
  let bytes = 0
  for (const file of await filesToKeep(repository, weights)) bytes += file.size - (await bytesInCache(cache, file))
  return bytes
}

/** Fetches a model into the cache, and checks each file. Resolves with the folder of the snapshot. */
export async function keepFiles(
  remote: { client: HubClient; repository: HubRepository; cache: CacheFolder },
  weights: readonly WeightFile[],
  revision: string,
  track: Track,
): Promise<string> {
  const { client, repository, cache } = remote
  const files = await filesToKeep(repository, weights)
  const total = files.reduce((sum, { size }) => sum + size, 0)
  const progress = track(total, total - (await bytesToKeep(cache, repository, weights)))
  for (const file of files) {
    progress.item(file.name)
    await downloadToCache(client, cache, file, progress.add)
  }
  await cache.writeRef(revision, repository.commit)
  return join(cache.path, 'snapshots', repository.commit)
}

/** Checks the weights of a model in the cache against the hashes in the names of their blobs. */
export async function verifyKept(
  source: Pick<PackSource, 'name' | 'files'>,
  track: Track,
  { signal, onNote }: { signal?: AbortSignal; onNote?: (message: string) => void },
): Promise<void> {
  const progress = track(source.files.reduce((sum, { bytes }) => sum + bytes, 0))
  for (const { name } of source.files) {
    const path = join(source.name, name)
    progress.item(name)
    const hash = await cachedHash(path)
    if (hash) await verifyLocal(path, hash, progress.add, signal)
    else onNote?.(`${path}: cannot be checked, since it is not a link to a blob named by its checksum`)
  }
}

/** Files to keep, small ones first, so that a snapshot with all its weights is complete. */
async function filesToKeep(repository: HubRepository, weights: readonly WeightFile[]): Promise<RepositoryFile[]> {
  const index = weights[0].name.endsWith('.bin') ? 'pytorch_model.bin.index.json' : 'model.safetensors.index.json'
  // A GGUF file has the rest in it.
  const goesAlong = isGguf(weights[0].name) ? isNote : isCompanion
  const small = (await repository.list()).filter((name) => goesAlong(name) || name === index || name === FAMILY_FILE)
  return [...small.sort(), ...weights.map(({ name }) => name)].map((name) => repository.file(name))
}
