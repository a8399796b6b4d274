import * as assert from 'uvu/assert'
import type { Tokenizer } from '#molm/api/text.js'
import { openGguf } from '#molm/model/gguf/file/gguf-file.js'
import { ggufTexts } from '#molm/model/gguf/tokenizer/texts.js'
import { loadTokenizer } from '#molm/text/tokenizer.js'
import { f32, flag, type GgufValue, ggufFile, list, text, u32 } from '../../support/gguf-writer.js'
import { MemoryFiles } from '../../support/memory-files.js'
import { inFolderOf } from '../../text/folders.js'

/** Metadata of a GGUF file, as plain values by key. */
export type Values = Record<string, string | number | boolean | readonly string[] | readonly number[]>

/** Parts of a tokenizer.json that converters read. */
export interface TokenizerJson {
  added_tokens: { id: number; content: string; special: boolean; normalized: boolean }[]
  model: { vocab: Record<string, number>; merges: (string | [string, string])[] } & Record<string, unknown>
  [key: string]: unknown
}

/** Files that molm makes from metadata, and the reason if there is no tokenizer. */
export async function textsFrom(values: Values): Promise<{ files: Record<string, string>; problem?: string }> {
  const file = await openGguf(new MemoryFiles({ 'model.gguf': fileOf(values) }), 'model.gguf')
  try {
    let problem: string | undefined
    const files = ggufTexts(file, (message) => {
      problem = message
    })
    return { files, problem }
  } finally {
    await file.close()
  }
}

/** The tokenizer.json that molm makes from metadata. */
export async function tokenizerFrom(values: Values): Promise<TokenizerJson> {
  return JSON.parse((await textsFrom(values)).files['tokenizer.json'])
}

/** Runs `use` with the tokenizer of these values. */
export async function withTokenizer(
  values: Values,
  use: (tokenizer: Tokenizer, dir: string) => unknown,
): Promise<void> {
  const { files, problem } = await textsFrom(values)
  assert.is(problem, undefined)
  await inFolderOf(files, async (dir) => {
    const tokenizer = await loadTokenizer(dir)
    assert.ok(tokenizer)
    await use(tokenizer, dir)
  })
}

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

/** The bytes of a GGUF file with these metadata and no tensors. */
export function fileOf(values: Values): Uint8Array {
  const metadata = Object.entries(values).map(([name, value]): [string, GgufValue] => [name, typed(name, value)])
  return ggufFile(new Map(metadata), [])
}

function typed(name: string, value: Values[string]): GgufValue {
  if (typeof value === 'string') return text(value)
  if (typeof value === 'boolean') return flag(value)
  if (typeof value === 'number') return name.startsWith('general.') ? f32(value) : u32(value)
  const isText = value.every((one) => typeof one === 'string')
  return list(isText ? 'text' : name.endsWith('scores') ? 'f32' : 'i32', value)
}
