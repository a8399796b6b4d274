import { UserError } from '../../../ground/errors.js'
import { readIfPresent, readJsonIfPresent } from '../../../ground/files/small-file.js'
import { isObject } from '../../../ground/json/json.js'
import { pathIn } from '../../../ground/platform/files.js'
import { type AddedToken, readAddedTokens } from './added-tokens.js'
import type { CompiledTokenizer } from './compiled-tokenizer.js'
import { partsOf } from './definition-parts.js'
import { specialTokens } from './special-tokens.js'

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
  const file = pathIn(dir, whole ? 'tokenizer.json' : 'vocab.json')
  if (!isObject(json.model)) throw new UserError(`${file}: has no tokenizer model in it`)
  const { model } = json

  const specials = specialTokens(config, specialMap).all
  const vocab = Object(model.vocab)
  const parsedIdOf = (token: string): number | undefined => (Object.hasOwn(vocab, token) ? vocab[token] : undefined)
  const idOf = (token: string) => (compiled ? compiled.vocabulary.idOf(token) : parsedIdOf(token))
  const addedTokens = readAddedTokens(
    specials,
    idOf,
    [addedIds, pathIn(dir, 'added_tokens.json')],
    [config.added_tokens_decoder, pathIn(dir, 'tokenizer_config.json')],
    [json.added_tokens, file],
  )
  return { file, json, model, addedTokens }
}

/**
 * Reads GPT-2's byte-level BPE from vocab.json and merges.txt into the equivalent tokenizer.json. Undefined if the
 * folder has neither file. Rejects with a UserError that names a missing or unusable one.
 */
async function readVocabAndMerges(
  dir: string,
  tokenizerConfig: Record<string, unknown>,
): Promise<Record<string, unknown> | undefined> {
  const vocabFile = pathIn(dir, 'vocab.json')
  const mergesFile = pathIn(dir, 'merges.txt')
  const [vocab, merges] = await Promise.all([readJsonIfPresent(dir, 'vocab.json'), readIfPresent(dir, 'merges.txt')])
  if (!vocab && !merges) return undefined
  if (!vocab) throw new UserError(`${vocabFile}: missing, without it merges.txt is no tokenizer`)
  if (!merges) throw new UserError(`${mergesFile}: missing, without it vocab.json is no tokenizer`)

  return {
    normalizer: null,
    pre_tokenizer: { type: 'ByteLevel', add_prefix_space: tokenizerConfig.add_prefix_space === true },
    post_processor: null,
    decoder: { type: 'ByteLevel' },
    model: { type: 'BPE', vocab, merges: parseMerges(new TextDecoder().decode(merges), vocab, mergesFile) },
  }
}

/** Reads merges.txt: the version, then a pair a line. Tokens must be in the vocabulary, since texts would vanish. */
function parseMerges(text: string, vocab: Record<string, unknown>, file: string): [string, string][] {
  const merges: [string, string][] = []
  text.split(/\r?\n/).forEach((line, index) => {
    if (line === '' || (index === 0 && line.startsWith('#version'))) return
    const [left, right, ...more] = line.split(' ')
    if (!left || !right || more.length > 0) {
      throw new UserError(`${file}: line ${index + 1} is not a pair of tokens with a space between`)
    }
    if (![left, right, left + right].every((token) => Object.hasOwn(vocab, token))) {
      throw new UserError(`${file}: line ${index + 1} merges tokens that vocab.json does not have`)
    }
    merges.push([left, right])
  })
  return merges
}

/** Byte-pair encodings over bytes (GPT-2's), or over characters with bytes for unknown ones (Llama's). */
export type TokenizerKind = 'byte-level' | 'sentencepiece'

/** Settings that change the tokens and are not supported. */
const UNSUPPORTED = ['continuing_subword_prefix', 'end_of_word_suffix', 'dropout']

/** The kind of a tokenizer. Throws a UserError, without the file's name, for unsupported kinds. */
export function kindOf({ json, model }: TokenizerDefinition): TokenizerKind {
  // Old files leave the type out.
  if ((model.type ?? 'BPE') === 'BPE') {
    const setting = UNSUPPORTED.find((key) => model[key])
    if (setting) throw new UserError(`its ${setting} is not supported`)
    const has = (part: unknown, list: string) => partsOf(part, list).some(({ type }) => type === 'ByteLevel')
    if (has(json.pre_tokenizer, 'pretokenizers')) {
      if (json.decoder && !has(json.decoder, 'decoders'))
        throw new UserError('its decoder is not that of its pre-tokenizer')
      return 'byte-level'
    }
    if (model.byte_fallback === true) return 'sentencepiece'
  }
  throw new UserError("not a byte-pair tokenizer over bytes, as GPT-2's or Llama's; no other kind is supported")
}
