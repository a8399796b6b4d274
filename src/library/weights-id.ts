import { randomUUID } from 'node:crypto'
import { stat } from 'node:fs/promises'
import { localFolder } from '../checkpoint/local-folder.js'
import { closeAll, openWeights } from '../checkpoint/shards.js'
import { checksumOf, checksumsOf } from '../packing/format/checksums.js'
import type { FoundModel } from './resolve-model.js'

/**
 * Identifies the weights of a model, their packing and their config.json: a SHA-256 in hex. Reads the whole files of a
 * checkpoint; a packed file has the checksums of its parts. If a checkpoint's files have changed since the time `loaded`,
 * in ms, nothing on the disk identifies the weights in memory any more, and the id is one of its own.
 */
export async function weightsId(
  { kind, path, file, config, formats, quant }: FoundModel,
  loaded: number,
): Promise<string> {
  const parts = file && [...file.parts].map(([name, { sha256 }]) => [name, sha256])
  const checksums = kind === 'checkpoint' ? await checksumsIn(path, loaded) : parts
  return checksumsOf(Buffer.from(JSON.stringify([kind, quant, formats, config.raw, checksums]))).sha256
}

/** SHA-256 of each file with a checkpoint's weights. */
async function checksumsIn(folder: string, loaded: number): Promise<string[]> {
  const files = localFolder(folder)
  const { sources } = await openWeights(files, await files.list())
  try {
    const checksums = await Promise.all(sources.map((source) => checksumOf(source, { offset: 0, bytes: source.size })))
    const infos = await Promise.all(sources.map(({ name }) => stat(name)))
    return infos.some(({ ctimeMs }) => ctimeMs > loaded) ? [randomUUID()] : checksums
  } finally {
    await closeAll(sources)
  }
}
