import { UserError } from '../errors.js'
import { MOST_JSON_BYTES, parseJsonObject, parsePythonObject } from '../json/json.js'
import { pathIn } from '../platform/files.js'
import { type ByteSource, whileOpen } from './byte-source.js'
import { openIfPresent } from './local-folder.js'

/** Maximum bytes of config.json, generation_config.json and similar files, which usually have a few kilobytes. */
export const MOST_CONFIG_BYTES = 2 ** 20

/** Reads a whole file of at most `most` bytes. Rejects with a UserError if it is longer or cannot be read. */
export async function readWhole(source: ByteSource, most: number): Promise<Uint8Array> {
  if (source.size > most) {
    throw new UserError(`${source.name}: ${source.size} bytes are too many for such a file, at most ${most} are read`)
  }
  return source.read(0, source.size)
}

/**
 * Reads a whole local file of at most `most` bytes; undefined if it is missing. Rejects with a UserError if it is
 * longer, cannot be read, or is not a file but something without an end: a pipe, a device.
 */
export async function readSmallFile(path: string, most: number): Promise<Uint8Array | undefined> {
  const source = await openIfPresent(path)
  return source && whileOpen(source, () => readWhole(source, most))
}

/** Reads a whole file that holds one JSON object. Rejects with a UserError that names the file. */
export async function readJsonObject(source: ByteSource): Promise<Record<string, unknown>> {
  return parseJsonObject(await readWhole(source, MOST_JSON_BYTES), source.name)
}

/** Reads a config.json in the same way. */
export async function readConfigFile(source: ByteSource): Promise<Record<string, unknown>> {
  return parsePythonObject(await readWhole(source, MOST_CONFIG_BYTES), source.name)
}

/** Files with a vocabulary, which may have hundreds of thousands of tokens and merges. */
const LARGE = ['tokenizer.json', 'tokenizer_config.json', 'added_tokens.json', 'vocab.json', 'merges.txt']
export const MOST_LARGE_BYTES = 32 * 2 ** 20
/** Maximum values of JSON: a vocabulary and its merges as pairs have four per token. */
const MOST_LARGE_VALUES = 2 ** 21

/** Reads the bytes of a file; undefined if it is missing. Rejects with a UserError as `readSmallFile` does. */
export function readIfPresent(dir: string, file: string): Promise<Uint8Array | undefined> {
  return readSmallFile(pathIn(dir, file), LARGE.includes(file) ? MOST_LARGE_BYTES : MOST_CONFIG_BYTES)
}

/** Reads a JSON object from a file; undefined if it is missing. Rejects with a UserError that names the file. */
export async function readJsonIfPresent(dir: string, file: string): Promise<Record<string, unknown> | undefined> {
  const bytes = await readIfPresent(dir, file)
  const path = pathIn(dir, file)
  return bytes && (LARGE.includes(file) ? parseLarge(bytes, path) : parsePythonObject(bytes, path))
}

/** Parses the JSON object of a file with a vocabulary. Throws a UserError that begins with `path`. */
export function parseLarge(bytes: Uint8Array, path: string): Record<string, unknown> {
  return parseJsonObject(bytes, path, MOST_LARGE_VALUES)
}
