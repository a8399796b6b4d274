import { whileOpen } from '../../ground/files/byte-source.js'
import { localFolder } from '../../ground/files/local-folder.js'
import { statOf } from '../../ground/platform/files.js'
import { openCheckpoint } from '../../model/checkpoint/checkpoint.js'
import { closeAll, openWeights } from '../../model/checkpoint/shards.js'
import { blueprintOf } from '../../model/families/index.js'
import { checksumOf, checksumsOf } from '../../model/packing/format/checksums.js'
import { checkParts } from '../../model/packing/format/packed-file.js'
import { checkTensors } from '../../model/packing/write/check-tensors.js'
import type { FoundModel } from './found-model.js'

/**
 * Compares a model's config.json with the headers of its weights; does not read the weights themselves. Rejects with a
 * UserError that names the first tensor or part which is missing or has another shape.
 */
export async function checkWeights({ path, config, file }: FoundModel): Promise<void> {
  if (file) return checkParts(file, blueprintOf(config))
  await whileOpen(openCheckpoint(localFolder(path), config.tensorRules), ({ tensors, name }) => {
    checkTensors(blueprintOf(config), tensors, name)
  })
}

/**
 * Identifies the weights of a model, their packing and their config.json: a SHA-256 in hex. Reads the whole files of a
 * checkpoint; a packed file has the checksums of its parts. If a checkpoint's files have changed since the time `loaded`,
 * in ms, nothing on the disk identifies the weights in memory any more, and the id is a new one.
 */
export async function weightsId(
  { kind, path, file, config, formats, quant }: FoundModel,
  loaded: number,
): Promise<string> {
  const parts = file && [...file.parts].map(([name, { sha256 }]) => [name, sha256])
  const checksums = kind === 'checkpoint' ? await checksumsIn(path, loaded) : parts
  const { raw, tensorRules } = config
  const known = [kind, quant, formats, raw, checksums, ...(tensorRules ? [tensorRules] : [])]
  return checksumsOf(new TextEncoder().encode(JSON.stringify(known))).sha256
}

async function checksumsIn(folder: string, loaded: number): Promise<string[]> {
  const files = localFolder(folder)
  const { sources } = await openWeights(files, await files.list())
  try {
    const checksums = await Promise.all(sources.map((source) => checksumOf(source, { offset: 0, bytes: source.size })))
    const infos = await Promise.all(sources.map(({ name }) => statOf(name)))
    const areTheSame = infos.every((info) => info !== undefined && info.ctimeMs <= loaded)
    return areTheSame ? checksums : [crypto.randomUUID()]
  } finally {
    await closeAll(sources)
  }
}
