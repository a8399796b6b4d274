import { join } from 'node:path'
import { readJsonIfPresent } from '../../checkpoint/text-files.js'
import { UserError } from '../../errors.js'
import { isObject } from '../../json.js'
import {
  type AddedToken,
  addedFromDecoder,
  addedFromIds,
  addedFromList,
  addedFromVocabulary,
  mergeAddedTokens,
} from './added-tokens.js'
import type { CompiledTokenizer } from './compiled-tokenizer.js'
import { specialTokens } from './special-tokens.js'
import { readVocabAndMerges } from './vocab-and-merges.js'

/** File next to tokenizer.json with the same tokenizer, ready to use. */
export const COMPILED_TOKENIZER = 'tokenizer.molm'

/** A folder's description of its tokenizer: plain data, which other processes can receive. */
export interface TokenizerDefinition {
  /** File named in errors. */
  file: string
  /** Contents in the form of tokenizer.json. */
  json: Record<string, unknown>
  /** Its `model`; without `vocab` and `merges` if these are compiled. */
  model: Record<string, unknown>
  /** Added tokens of all files, special or not. */
  addedTokens: AddedToken[]
}

/**
 * Reads tokenizer.json, else vocab.json with merges.txt, and adds the tokens that only added_tokens.json,
 * tokenizer_config.json or special_tokens_map.json name. `compiled` replaces tokenizer.json. Undefined if the folder has
 * neither form. Rejects with a UserError that names the unusable file.
 */
export async function readTokenizerDefinition(
  dir: string,
  compiled?: CompiledTokenizer,
): Promise<TokenizerDefinition | undefined> {
  const [whole, config = {}, specialMap = {}, addedIds = {}] = await Promise.all([
    compiled?.json ?? readJsonIfPresent(dir, 'tokenizer.json'),
    readJsonIfPresent(dir, 'tokenizer_config.json'),
    readJsonIfPresent(dir, 'special_tokens_map.json'),
    readJsonIfPresent(dir, 'added_tokens.json'),
  ])
  const json = whole ?? (await readVocabAndMerges(dir, config))
  if (!json) return undefined
  const file = join(dir, whole ? 'tokenizer.json' : 'vocab.json')
  if (!isObject(json.model)) throw new UserError(`${file}: has no tokenizer model in it`)
  const { model } = json

  const specials = specialTokens(config, specialMap).all
  const vocab = Object(model.vocab)
  const parsedIdOf = (token: string): number | undefined => (Object.hasOwn(vocab, token) ? vocab[token] : undefined)
  const addedTokens = mergeAddedTokens([
    ...addedFromVocabulary(specials, (token) => (compiled ? compiled.vocabulary.idOf(token) : parsedIdOf(token))),
    ...addedFromIds(addedIds, join(dir, 'added_tokens.json')),
    ...addedFromDecoder(config.added_tokens_decoder, join(dir, 'tokenizer_config.json')),
    ...addedFromList(json.added_tokens, file),
  ])
  for (const token of addedTokens) token.special ||= specials.has(token.content)
  return { file, json, model, addedTokens }
}
