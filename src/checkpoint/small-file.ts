import { UserError } from '../errors.js'
import { MOST_JSON_BYTES, parseJsonObject } from '../json.js'
import type { ByteSource } from './byte-source.js'
import { openIfPresent } from './local-folder.js'

/** Most bytes of config.json, generation_config.json and their like, which have some kilobytes. */
export const MOST_CONFIG_BYTES = 2 ** 20

/** A whole file of at most `most` bytes. Rejects with a UserError when it is longer or cannot be read. */
export async function readWhole(source: ByteSource, most: number): Promise<Uint8Array> {
  if (source.size > most) {
    throw new UserError(`${source.name}: ${source.size} bytes are too many for such a file, at most ${most} are read`)
  }
  return source.read(0, source.size)
}

/**
 * A whole local file of at most `most` bytes, undefined where there is none. Rejects with a UserError when it is longer,
 * cannot be read, or is no file but something that might never end: a pipe, a device.
 */
export async function readSmallFile(path: string, most: number): Promise<Uint8Array | undefined> {
  const source = await openIfPresent(path)
  if (!source) return undefined
  try {
    return await readWhole(source, most)
  } finally {
    await source.close()
  }
}

/** A whole file that holds one JSON object. Rejects with a UserError naming the file. */
export async function readJsonObject(source: ByteSource, most = MOST_JSON_BYTES): Promise<Record<string, unknown>> {
  return parseJsonObject(await readWhole(source, most), source.name)
}
