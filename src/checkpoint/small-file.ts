import { UserError } from '../errors.js'
import { MOST_JSON_BYTES, parseJsonObject } from '../json.js'
import type { ByteSource } from './byte-source.js'

/** A whole file that holds one JSON object. Rejects with a UserError naming the file. */
export async function readJsonObject(source: ByteSource): Promise<Record<string, unknown>> {
  if (source.size > MOST_JSON_BYTES) {
    throw new UserError(
      `${source.name}: ${source.size} bytes are too many for a JSON file, at most ${MOST_JSON_BYTES} are read`,
    )
  }
  return parseJsonObject(await source.read(0, source.size), source.name)
}
