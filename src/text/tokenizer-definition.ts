import { join } from 'node:path'
import { UserError } from '../errors.js'
import { isObject } from '../json.js'
import {
  type AddedToken,
  addedFromDecoder,
  addedFromIds,
  addedFromList,
  addedFromVocabulary,
  isTokenId,
  mergeAddedTokens,
} from './added-tokens.js'
import { specialTokens } from './special-tokens.js'
import { readJsonIfPresent } from './text-files.js'
import { readVocabAndMerges } from './vocab-and-merges.js'

/** All that a folder says about its tokenizer. */
export interface TokenizerDefinition {
  /** The file that errors are about. */
  file: string
  /** In the form of tokenizer.json. */
  json: Record<string, unknown>
  /** Those of all files, special or not. */
  addedTokens: AddedToken[]
  /** tokenizer_config.json, empty where there is none. */
  config: Record<string, unknown>
}

/**
 * Reads tokenizer.json, or vocab.json with merges.txt where there is none, and adds the tokens that only
 * added_tokens.json, tokenizer_config.json or special_tokens_map.json tell of. Undefined where the folder has neither
 * form. Rejects with a UserError that names the file which cannot be used.
 */
export async function readTokenizerDefinition(dir: string): Promise<TokenizerDefinition | undefined> {
  const [whole, config = {}, specialMap = {}, addedIds = {}] = await Promise.all([
    readJsonIfPresent(dir, 'tokenizer.json'),
    readJsonIfPresent(dir, 'tokenizer_config.json'),
    readJsonIfPresent(dir, 'special_tokens_map.json'),
    readJsonIfPresent(dir, 'added_tokens.json'),
  ])
  const json = whole ?? (await readVocabAndMerges(dir, config))
  if (!json) return undefined
  const file = join(dir, whole ? 'tokenizer.json' : 'vocab.json')
  const { model, vocabulary } = checkByteLevel(json, file)

  const specials = specialTokens(config, specialMap).all
  const addedTokens = mergeAddedTokens([
    ...addedFromVocabulary(specials, vocabulary),
    ...addedFromIds(addedIds, join(dir, 'added_tokens.json')),
    ...addedFromDecoder(config.added_tokens_decoder, join(dir, 'tokenizer_config.json')),
    ...addedFromList(json.added_tokens, file),
  ])
  for (const token of addedTokens) token.special ||= specials.has(token.content)
  return { file, json: { ...json, model, added_tokens: addedTokens }, addedTokens, config }
}

/** Makes sure that this is a byte-level BPE with a usable vocabulary. */
function checkByteLevel(json: Record<string, unknown>, file: string) {
  if (!isObject(json.model)) throw new UserError(`${file}: has no tokenizer model in it`)
  const model: Record<string, unknown> = { type: 'BPE', ...json.model } // old files leave the type out
  if (model.type !== 'BPE' || !(isByteLevel(json.pre_tokenizer) || isByteLevel(json.decoder))) {
    throw new UserError(`${file}: not a byte-level BPE tokenizer like GPT-2's, the only kind that is supported`)
  }
  const { vocab } = model
  if (!isObject(vocab) || !Object.values(vocab).every(isTokenId)) {
    throw new UserError(`${file}: its vocabulary does not give each token an id`)
  }
  return { model, vocabulary: vocab as Record<string, number> }
}

function isByteLevel(part: unknown): boolean {
  if (!isObject(part)) return false
  const parts = part.pretokenizers ?? part.decoders
  return part.type === 'ByteLevel' || (Array.isArray(parts) && parts.some(isByteLevel))
}
