import { MOST_LARGE_BYTES, parseLarge, readIfPresent, readSmallFile } from '../../ground/files/small-file.js'
import { isObject } from '../../ground/json/json.js'
import { sha256Hex } from '../../ground/platform/checksums.js'
import { pathIn, statOf } from '../../ground/platform/files.js'
import { type CompiledTokenizer, decodeCompiled, encodeCompiled } from './definition/compiled-tokenizer.js'
import { CompiledVocabulary } from './definition/compiled-vocabulary.js'
import { COMPILED_TOKENIZER, kindOf } from './definition/tokenizer-definition.js'
import { readMerges, readVocabulary } from './definition/vocabulary.js'
import { isQuick } from './encoding/encoder.js'

const SOURCE = 'tokenizer.json'

/** The bytes of tokenizer.molm for a folder; undefined without a tokenizer.json that it can replace. */
export async function compileTokenizer(dir: string): Promise<Uint8Array[] | undefined> {
  const path = pathIn(dir, SOURCE)
  const found = await statOf(path)
  if (!found) return undefined
  const bytes = await readIfPresent(dir, SOURCE)
  const json = bytes && parseLarge(bytes, path)
  if (!json || !isObject(json.model)) return undefined
  const { vocab, merges, ...model } = json.model
  const definition = { file: path, json: { ...json, model }, model, addedTokens: [] }
  // Others are encoded in a process of their own, which gets tokenizer.json.
  if (!isQuick(definition)) return undefined
  kindOf(definition)
  const parsed = readVocabulary(vocab)
  const vocabulary = CompiledVocabulary.of(parsed)
  const source = { bytes: bytes.length, modified: found.mtimeMs, sha256: sha256Hex(bytes) }
  return vocabulary && encodeCompiled({ source, json: definition.json, vocabulary, merges: readMerges(merges, parsed) })
}

/** Reads a folder's tokenizer.molm. Undefined if it is missing, damaged or not made from the tokenizer.json there. */
export async function readCompiledTokenizer(dir: string): Promise<CompiledTokenizer | undefined> {
  try {
    const path = pathIn(dir, COMPILED_TOKENIZER)
    const bytes = await readSmallFile(path, MOST_LARGE_BYTES)
    const compiled = bytes && decodeCompiled(bytes, path)
    return compiled && (await isMadeFrom(compiled, dir)) ? compiled : undefined
  } catch {
    return undefined
  }
}

/** Whether tokenizer.json has the size and the time, or else the checksum, of the one that was compiled. */
async function isMadeFrom({ source }: CompiledTokenizer, dir: string): Promise<boolean> {
  const found = await statOf(pathIn(dir, SOURCE))
  if (found?.size !== source.bytes) return false
  // A copied folder has another time; reading the file takes a third of the time of parsing it.
  if (found.mtimeMs === source.modified) return true
  const bytes = await readIfPresent(dir, SOURCE)
  return bytes !== undefined && sha256Hex(bytes) === source.sha256
}
