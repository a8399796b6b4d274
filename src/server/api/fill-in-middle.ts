import type { Model } from '../../api/model.js'
import type { EncodeAsyncOptions } from '../../api/text.js'
import { isObject } from '../../ground/json/json.js'
import { phrase } from '../../ground/message.js'
import { field, refused } from '../common/api-error.js'
import type { ServerContext } from '../http/context.js'
import { tokenizerFiles } from './tokenizer-files.js'

/** Special tokens around the texts before and after a gap. */
export interface GapTokens {
  prefix: number
  suffix: number
  middle: number
  /** Special tokens that end the text for the gap. */
  ends: string[]
}

/** Prefix, suffix and middle tokens of each form. */
const FORMS: readonly [prefix: string, suffix: string, middle: string][] = [
  // Qwen, OLMo, SmallThinker
  ['<|fim_prefix|>', '<|fim_suffix|>', '<|fim_middle|>'],
  // Granite, StarCoder
  ['<fim_prefix>', '<fim_suffix>', '<fim_middle>'],
  // LFM2
  ['<|fim_pre|>', '<|fim_suf|>', '<|fim_mid|>'],
  // SantaCoder
  ['<fim-prefix>', '<fim-suffix>', '<fim-middle>'],
  // CodeLlama
  ['▁<PRE>', '▁<SUF>', '▁<MID>'],
  ['<PRE>', '<SUF>', '<MID>'],
  // DeepSeek
  ['<｜fim▁begin｜>', '<｜fim▁hole｜>', '<｜fim▁end｜>'],
  // GLM 4.5
  ['<|code_prefix|>', '<|code_suffix|>', '<|code_middle|>'],
  // Falcon
  ['<|prefix|>', '<|suffix|>', '<|middle|>'],
]

/** Models write one of these after a gap's text, even if their settings do not name it as an end. */
const ENDS = [
  ...['<|endoftext|>', '<|fim_pad|>', '<|repo_name|>', '<|file_sep|>', '<|file_separator|>'],
  ...['<fim_pad>', '<fim-pad>', '<reponame>', '<filename>', '<file_sep>', '<EOT>', '▁<EOT>'],
]

const found = new WeakMap<Model, Promise<GapTokens | undefined>>()

/**
 * A model's tokens for filling a gap: named by tokenizer_config.json, as by CodeLlama's, or else a known form. Undefined if
 * its vocabulary lacks them.
 */
export function gapTokensOf(model: Model): Promise<GapTokens | undefined> {
  const tokens = found.get(model) ?? find(model)
  found.set(model, tokens)
  return tokens
}

async function find(model: Model): Promise<GapTokens | undefined> {
  if (!model.hasTokenizer) return undefined
  const { tokenizer } = model
  const { config } = await tokenizerFiles(model)
  const named = [config.prefix_token, config.suffix_token, config.middle_token].map(contentOf)
  for (const form of [named, ...FORMS]) {
    const [prefix, suffix, middle] = form.map((name) => tokenizer.idOf(name))
    if (prefix === undefined || suffix === undefined || middle === undefined) continue
    const ends = ENDS.filter((end) => tokenizer.idOf(end) !== undefined)
    return { prefix, suffix, middle, ends: [...new Set([...ends, ...form])].filter((end) => end !== '') }
  }
  return undefined
}

/** A token of tokenizer_config.json: a text, or an object with its content. */
function contentOf(token: unknown): string {
  const content = isObject(token) ? token.content : token
  return typeof content === 'string' ? content : ''
}

/** The model's tokens for filling a gap. Rejects with an ApiError if it has none. */
export async function requireGapTokens({ model, id }: Pick<ServerContext, 'model' | 'id'>): Promise<GapTokens> {
  const tokens = await gapTokensOf(model)
  if (tokens) return tokens
  const why = 'its tokenizer has no tokens for the texts before and after a gap'
  throw refused('suffix', phrase`${field('suffix')} is not supported by ${id}: ${why}`)
}

type Encode = (text: string, options: EncodeAsyncOptions) => Promise<number[]>

/** The prompt for the text between two others: prefix, suffix, middle, each behind its token. */
export async function gapPrompt(
  { model }: Pick<ServerContext, 'model'>,
  { prefix, suffix, middle }: GapTokens,
  [before, after]: [before: string | readonly number[], after: string],
  { encode: encodeWith, signal }: { encode: Encode; signal: AbortSignal },
): Promise<number[]> {
  const encode = (text: string) => encodeWith(text, { addSpecialTokens: false, signal })
  // The tokens that begin every text, mostly none or one.
  const first = model.tokenizer.encode('')
  const head = typeof before === 'string' ? await encode(before) : before
  return [...first, prefix, ...head, suffix, ...(await encode(after)), middle]
}
