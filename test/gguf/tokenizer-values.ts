import { UserError } from '#molm/errors.js'
import { type Texts, textsOf } from '#molm/gguf/tokenizer/texts.js'
import type { TokenizerMetadata } from '#molm/gguf/tokenizer/tokenizer-metadata.js'

/** Metadata of a GGUF file, as plain values by key. */
export type Values = Record<string, string | number | boolean | readonly string[] | readonly number[]>

/** Parts of a tokenizer.json that converters read. */
export interface TokenizerJson {
  added_tokens: { id: number; content: string; special: boolean; normalized: boolean }[]
  model: { vocab: Record<string, number>; merges: (string | [string, string])[] } & Record<string, unknown>
  [key: string]: unknown
}

/** Files that molm makes from metadata, with the reason if there is no tokenizer. */
export const textsFrom = (values: Values): Texts => textsOf(metadataOf(values))

/** The tokenizer.json that molm makes from metadata. */
export const tokenizerFrom = (values: Values): TokenizerJson => JSON.parse(textsFrom(values).files['tokenizer.json'])

const key = (name: string) => `tokenizer.ggml.${name}`

/** Metadata as llama.cpp's converter writes them for a byte-level tokenizer.json. */
export function byteLevelValues(json: TokenizerJson, pre: string, others: Values = {}): Values {
  const merges = json.model.merges.map((merge) => (typeof merge === 'string' ? merge : merge.join(' ')))
  return { [key('model')]: 'gpt2', [key('pre')]: pre, ...vocabularyValues(json), [key('merges')]: merges, ...others }
}

/** Metadata for a SentencePiece vocabulary with a score for each token. */
export function sentencePieceValues(json: TokenizerJson, scoreOf: (token: string, id: number) => number): Values {
  const values = vocabularyValues(json)
  const tokens = values[key('tokens')] as string[]
  return { [key('model')]: 'llama', ...values, [key('scores')]: tokens.map(scoreOf) }
}

const [NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE] = [1, 2, 3, 4, 5, 6]

function vocabularyValues({ model, added_tokens }: TokenizerJson): Values {
  const tokens: string[] = []
  const types: number[] = []
  for (const [token, id] of Object.entries(model.vocab)) {
    tokens[id] = token
    types[id] = /^<0x[0-9A-F]{2}>$/.test(token) ? BYTE : NORMAL
  }
  for (const { id, content, special } of added_tokens) {
    tokens[id] = content
    const isControl = special || /^<\|.*\|>$/.test(content)
    types[id] = content === '<unk>' ? UNKNOWN : isControl ? CONTROL : USER_DEFINED
  }
  for (let id = 0; id < tokens.length; id++) {
    if (tokens[id] !== undefined) continue
    tokens[id] = `[PAD${id}]`
    types[id] = UNUSED
  }
  return { [key('tokens')]: tokens, [key('token_type')]: types }
}

function metadataOf(values: Values): TokenizerMetadata {
  const refuse = (name: string, why: string) => new UserError(`model.gguf: ${name} ${why}`)
  const get = <T>(name: string, isRight: (value: unknown) => boolean): T => {
    if (!(name in values)) throw refuse(name, 'is missing')
    if (!isRight(values[name])) throw refuse(name, 'has another type')
    return values[name] as T
  }
  const are = (type: string) => (value: unknown) => Array.isArray(value) && value.every((one) => typeof one === type)
  return {
    has: (name) => name in values,
    text: (name) => get(name, (value) => typeof value === 'string'),
    number: (name) => get(name, (value) => typeof value === 'number'),
    flag: (name) => get(name, (value) => typeof value === 'boolean'),
    texts: (name) => get(name, are('string')),
    numbers: (name) => get(name, are('number')),
    refuse,
  }
}
