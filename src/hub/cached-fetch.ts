import { join } from 'node:path'
import type { Checkpoint } from '../checkpoint/checkpoint.js'
import { isCompanion } from '../packing/format/companions.js'
import { type CacheFolder, cachedHash } from './cache.js'
import type { HubClient } from './client.js'
import { bytesInCache, downloadToCache } from './download.js'
import type { HubRepository, RepositoryFile } from './repository.js'
import type { Track } from './track.js'
import { verifyLocal } from './verify.js'

/** Bytes that the cache still lacks of a checkpoint. */
export async function bytesToKeep(cache: CacheFolder, repository: HubRepository, checkpoint: Checkpoint) {
  let bytes = 0
  for (const file of await filesToKeep(repository, checkpoint)) bytes += file.size - (await bytesInCache(cache, file))
  return bytes
}

/**
 * Fetches a checkpoint into the cache, and checks each file against its hash. Resolves with the folder of the snapshot.
 */
export async function keepFiles(
  remote: { client: HubClient; repository: HubRepository; cache: CacheFolder },
  checkpoint: Checkpoint,
  revision: string,
  track: Track,
): Promise<string> {
  const { client, repository, cache } = remote
  const files = await filesToKeep(repository, checkpoint)
  const total = files.reduce((sum, { size }) => sum + size, 0)
  const progress = track(total, total - (await bytesToKeep(cache, repository, checkpoint)))
  for (const file of files) {
    progress.item(file.name)
    await downloadToCache(client, cache, file, progress.add)
  }
  await cache.writeRef(revision, repository.commit)
  return join(cache.path, 'snapshots', repository.commit)
}

/** Checks the weights of a checkpoint in the cache against the hashes in the names of their blobs. */
export async function verifyKept(
  checkpoint: Checkpoint,
  track: Track,
  { signal, onNote }: { signal?: AbortSignal; onNote?: (message: string) => void },
): Promise<void> {
  const sizes = new Map([...checkpoint.tensors.values()].map(({ source }) => [source.name, source.size]))
  const progress = track([...sizes.values()].reduce((sum, size) => sum + size, 0))
  for (const name of checkpoint.files) {
    const path = join(checkpoint.name, name)
    progress.item(name)
    const hash = await cachedHash(path)
    if (hash) await verifyLocal(path, hash, progress.add, signal)
    else onNote?.(`${path}: cannot be checked, since it is not a link to a blob named by its checksum`)
  }
}

/** Files to keep, small ones first, so that a snapshot with all its weights is complete. */
async function filesToKeep(repository: HubRepository, { files }: Checkpoint): Promise<RepositoryFile[]> {
  const index = files[0].endsWith('.bin') ? 'pytorch_model.bin.index.json' : 'model.safetensors.index.json'
  const small = (await repository.list()).filter((name) => isCompanion(name) || name === index)
  return [...small.sort(), ...files].map((name) => repository.file(name))
}
