import {
  CONTRACTIONS,
  cl100k,
  DEEPSEEK_3,
  KIMI,
  LAGUNA,
  LING,
  o200k,
  QWEN_35,
  TRINITY,
} from '../../checkpoint/byte-pair-forms.js'
import type { GgufMetadata } from '../file/metadata.js'

/** Parts of tokenizer.json that the metadata does not have, but that follow from the name of a pre-tokenizer. */
export interface PreTokenizer {
  definition: object
  normalizer: object | null
  /** Whether a word of the vocabulary is one token, without merging. */
  ignoreMerges: boolean
  /** Whether texts begin with the token for it, if the metadata does not say. */
  addsBos: boolean
  /** Whether added tokens that are not special are found in the normalised text. */
  normalizesAddedTokens: boolean
  /** Tokens that converters mark as control tokens, although they are not special. */
  notSpecial: ReadonlySet<string>
}

const sequence = (...pretokenizers: object[]) => ({ type: 'Sequence', pretokenizers })
const bytes = (use_regex: boolean) => ({ type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex })
const split = (Regex: string, behavior = 'Isolated') => ({ type: 'Split', pattern: { Regex }, behavior, invert: false })
const splits = (...patterns: string[]) => sequence(...patterns.map((pattern) => split(pattern)), bytes(false))

const PLAIN: Omit<PreTokenizer, 'definition'> = {
  normalizer: null,
  ignoreMerges: false,
  addsBos: false,
  normalizesAddedTokens: false,
  notSpecial: new Set(),
}
const NFC = { type: 'NFC' }

const GPT_2: PreTokenizer = { ...PLAIN, definition: bytes(true) }
const NEOX: PreTokenizer = { ...GPT_2, normalizer: NFC, normalizesAddedTokens: true }
const DIGITS: PreTokenizer = {
  ...PLAIN,
  definition: sequence({ type: 'Digits', individual_digits: true }, bytes(true)),
}
const GPT_4: PreTokenizer = { ...PLAIN, definition: splits(cl100k('\\p{N}{1,3}')) }
const LLAMA_3: PreTokenizer = { ...GPT_4, ignoreMerges: true, addsBos: true }
const SINGLE_DIGITS: PreTokenizer = { ...PLAIN, definition: splits(cl100k('\\p{N}')) }
const QWEN_TOKENS = ['prefix', 'middle', 'suffix', 'pad'].map((part) => `<|fim_${part}|>`)
const QWEN_2: PreTokenizer = {
  ...SINGLE_DIGITS,
  normalizer: NFC,
  notSpecial: new Set([...QWEN_TOKENS, '<|repo_name|>', '<|file_sep|>']),
}
const GPT_4O: PreTokenizer = { ...PLAIN, definition: splits(o200k(`${CONTRACTIONS}?`, '\\p{N}{1,3}')) }
const DEEPSEEK: PreTokenizer = { ...PLAIN, definition: splits(...DEEPSEEK_3) }

const LINES_FIRST = sequence(split(LAGUNA, 'MergedWithNext'), split(cl100k('\\p{N}')), bytes(false))

export const PRE = 'tokenizer.ggml.pre'
/** Written by converters that did not know the tokenizer. */
const DEFAULT = 'default'

/** Names that llama.cpp's converter gives to pre-tokenizers of byte-level encodings. */
const BY_NAME: ReadonlyMap<string, PreTokenizer> = new Map([
  ...named(GPT_2, 'gpt-2', 'phi-2', 'granite-docling', 'exaone4', 'mellum', 'jais', 'trillion'),
  ...named(NEOX, 'olmo', 'mpt'),
  ...named(DIGITS, 'refact', 'starcoder', 'smollm', 'codeshell', 'mellum2', 'minerva-7b'),
  ...named({ ...DIGITS, normalizer: NFC }, 'command-r'),
  ...named(GPT_4, 'dbrx', 'smaug-bpe', 'glm4', 'chatglm-bpe'),
  ...named(LLAMA_3, 'llama-bpe', 'llama3', 'llama-v3', 'lfm2', 'pixtral'),
  ...named(SINGLE_DIGITS, 'hunyuan', 'grok-2', 'stablelm2', 'solar-open'),
  ...named(QWEN_2, 'qwen2', 'deepseek-r1-qwen', 'megrez'),
  ...named({ ...QWEN_2, definition: splits(QWEN_35) }, 'qwen35'),
  ...named(GPT_4O, 'gpt-4o', 'llama4', 'kanana2', 'minimax-m2'),
  ...named({ ...PLAIN, definition: splits(o200k('', '\\p{N}')), ignoreMerges: true, addsBos: true }, 'tekken'),
  ...named({ ...PLAIN, definition: splits(LING) }, 'bailingmoe', 'bailingmoe2', 'llada-moe'),
  ...named({ ...PLAIN, definition: splits(KIMI), ignoreMerges: true }, 'kimi-k2'),
  ...named({ ...PLAIN, definition: splits(...TRINITY) }, 'afmoe'),
  ...named({ ...PLAIN, definition: LINES_FIRST }, 'laguna'),
  ...named(DEEPSEEK, 'deepseek-v3', 'hunyuan-dense', 'joyai-llm'),
])

/** Names by architecture, for files without a name. */
const BY_ARCHITECTURE: ReadonlyMap<string, string> = new Map([
  ['granitemoe', 'refact'],
  ['granitehybrid', 'dbrx'],
  ['granite_swa', 'dbrx'],
  ['olmoe', 'olmo'],
  ['qwen2moe', 'qwen2'],
  ['qwen3moe', 'qwen2'],
  ['smallthinker', 'qwen2'],
  ['gpt-oss', 'gpt-4o'],
  ['lfm2moe', 'lfm2'],
  ['mellum', 'mellum2'],
  ['afmoe', 'afmoe'],
  ['laguna', 'laguna'],
  ['llama', 'llama-bpe'],
])

/** The pre-tokenizer by its name, or by the architecture without one or with "default"; undefined if unknown. */
export function preTokenizerOf(metadata: GgufMetadata): PreTokenizer | undefined {
  const architecture = architectureOf(metadata)
  const name = metadata.text(PRE, DEFAULT)
  const found = BY_NAME.get(name === DEFAULT ? (BY_ARCHITECTURE.get(architecture) ?? name) : name)
  // gpt-oss takes words of its vocabulary whole, other encodings with this pattern merge them.
  return found && architecture === 'gpt-oss' ? { ...found, ignoreMerges: true } : found
}

/** The name of the model's family; empty if the metadata does not have it. */
export function architectureOf(metadata: GgufMetadata): string {
  return metadata.text('general.architecture', '')
}

function named(preTokenizer: PreTokenizer, ...names: string[]): [string, PreTokenizer][] {
  return names.map((name) => [name, preTokenizer])
}
