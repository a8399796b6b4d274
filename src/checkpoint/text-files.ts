import { parseJsonObject } from '../json.js'
import { pathIn } from '../platform/files.js'
import { MOST_CONFIG_BYTES, readSmallFile } from './small-file.js'

/** Files with a vocabulary, which may have hundreds of thousands of tokens and merges. */
const LARGE = ['tokenizer.json', 'tokenizer_config.json', 'added_tokens.json', 'vocab.json', 'merges.txt']
export const MOST_LARGE_BYTES = 32 * 2 ** 20
/** Maximum values of JSON: a vocabulary and its merges as pairs have four per token. */
const MOST_LARGE_VALUES = 2 ** 21

/**
 * Reads the bytes of a file; undefined if it is missing. Rejects with a UserError if it cannot be read or is far too
 * large.
 */
export function readIfPresent(dir: string, file: string): Promise<Uint8Array | undefined> {
  return readSmallFile(pathIn(dir, file), LARGE.includes(file) ? MOST_LARGE_BYTES : MOST_CONFIG_BYTES)
}

/** Reads a JSON object from a file; undefined if it is missing. Rejects with a UserError that names the file. */
export async function readJsonIfPresent(dir: string, file: string): Promise<Record<string, unknown> | undefined> {
  const bytes = await readIfPresent(dir, file)
  const path = pathIn(dir, file)
  return bytes && (LARGE.includes(file) ? parseLarge(bytes, path) : parseJsonObject(bytes, path))
}

/** Parses the JSON object of a file with a vocabulary. Throws a UserError that begins with `path`. */
export function parseLarge(bytes: Uint8Array, path: string): Record<string, unknown> {
  return parseJsonObject(bytes, path, MOST_LARGE_VALUES)
}
