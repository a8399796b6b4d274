import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { statOf } from '../../ground/platform/files.js'
import { packedFileName } from '../../model/packing/format/packed-folder.js'
import { shippedFolder } from '../folders/model-folders.js'
import type { FoundModel } from './found-model.js'

/** Folder of the packed weights that the build makes. */
const PACKINGS = fileURLToPath(new URL('../../models', import.meta.url))

/**
 * Path of the packed weights of a checkpoint that comes with the package, which the build has made of it. Undefined for
 * other models and packings, and if the checkpoint has changed since then.
 */
export async function shippedPacking({ name, path, kind, quant }: FoundModel): Promise<string | undefined> {
  if (kind !== 'checkpoint' || resolve(path) !== shippedFolder(name)) return undefined
  const packing = join(PACKINGS, name, packedFileName(quant))
  const packed = await timeOf(packing)
  const sources = await Promise.all(['config.json', 'model.safetensors'].map((file) => timeOf(join(path, file))))
  return packed !== undefined && sources.every((time = Number.POSITIVE_INFINITY) => time <= packed)
    ? packing
    : undefined
}

/** Time of a file's last change in ms; undefined if it is not there. */
async function timeOf(path: string): Promise<number | undefined> {
  return (await statOf(path))?.mtimeMs
}
