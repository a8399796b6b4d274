import { printable } from '../../../ground/printable.js'
import type { GgufFile } from '../file/gguf-file.js'
import type { GgufMetadata } from '../file/metadata.js'
import { byteLevelTokenizer, hasByteCharacters, readMerges } from './byte-level.js'
import { PRE, preTokenizerOf } from './pre-tokenizers.js'
import { hasByteTokens, mergesByScore, SENTENCEPIECE_DEFAULTS, sentencePieceTokenizer } from './sentencepiece.js'
import { readSpecialTokens, type SpecialTokens } from './special-tokens.js'
import { readTokens, TOKENS, type TokenList } from './token-list.js'

const MODEL = 'tokenizer.ggml.model'

/** A tokenizer as tokenizer.json has it, or the reason for its lack. */
type Made = { tokenizer: object; special: SpecialTokens; list: TokenList } | { problem: string }

/**
 * The contents of tokenizer.json, tokenizer_config.json (with the chat template) and generation_config.json for a file,
 * by file name. Without a tokenizer that molm supports, tokenizer.json is left out and `onProblem` receives a message
 * with the reason; the model then runs without text. Throws a UserError that names the file and the key of an impossible
 * value.
 */
export function ggufTexts(
  { metadata }: Pick<GgufFile, 'metadata'>,
  onProblem: (message: string) => void = () => {},
): Record<string, string> {
  const made = makeTokenizer(metadata)
  if ('problem' in made) {
    onProblem(made.problem)
    return { 'generation_config.json': JSON.stringify(generationConfig(metadata)) }
  }
  return {
    'tokenizer.json': JSON.stringify(made.tokenizer),
    'tokenizer_config.json': JSON.stringify(tokenizerConfig(metadata, made.special, made.list)),
    'generation_config.json': JSON.stringify(generationConfig(metadata, made.special)),
  }
}

function makeTokenizer(metadata: GgufMetadata): Made {
  const problem = (key: string, why: string): Made => ({
    problem: metadata.refuse(key, `${why}, so the model comes without a tokenizer`).message,
  })
  if (!metadata.has(MODEL)) return problem(MODEL, 'is missing')
  const model = metadata.text(MODEL)

  if (model === 'gpt2') {
    const preTokenizer = preTokenizerOf(metadata)
    if (!preTokenizer) {
      const name = metadata.has(PRE) ? `is "${printable(metadata.text(PRE))}"` : 'is missing'
      return problem(PRE, `${name}, and its way to divide texts is not known`)
    }
    const list = readTokens(metadata)
    if (!hasByteCharacters(list)) return problem(TOKENS, 'has no token for some bytes')
    const special = readSpecialTokens(metadata, list, { byRole: {}, addsBos: preTokenizer.addsBos })
    return { tokenizer: byteLevelTokenizer(metadata, list, preTokenizer, special), special, list }
  }
  if (model === 'llama' || model === 'gemma4') {
    const list = readTokens(metadata)
    if (!hasByteTokens(list)) return problem(TOKENS, 'has no token for some bytes')
    const [defaults, merges] =
      model === 'gemma4'
        ? [{ byRole: {}, addsBos: true }, readMerges(metadata, list, { ofAdded: true })]
        : [SENTENCEPIECE_DEFAULTS, mergesByScore(metadata, list)]
    const special = readSpecialTokens(metadata, list, defaults)
    return { tokenizer: sentencePieceTokenizer(metadata, list, special, merges), special, list }
  }
  return problem(
    MODEL,
    `is "${printable(model)}", and only the byte-pair encodings "gpt2", "llama" and "gemma4" are supported`,
  )
}

function tokenizerConfig(metadata: GgufMetadata, special: SpecialTokens, { tokens }: TokenList): object {
  const byRole = Object.entries(special.byRole).map(([role, id]) => [`${role}_token`, tokens[id]])
  const chat_template = chatTemplatesOf(metadata)
  return {
    add_bos_token: special.addsBos,
    add_eos_token: special.addsEos,
    ...Object.fromEntries(byRole),
    clean_up_tokenization_spaces: false,
    ...(chat_template !== undefined && { chat_template }),
  }
}

const TEMPLATE = 'tokenizer.chat_template'
const NAMES = 'tokenizer.chat_templates'

/** Published templates have at most about 20 kB, and a model has at most four. */
const MOST_CHARACTERS = 2 ** 20
const MOST_TEMPLATES = 16

/** `chat_template`: one template, or a list of named ones. Throws a UserError if it is far too long. */
function chatTemplatesOf(metadata: GgufMetadata): string | object[] | undefined {
  if (!metadata.has(TEMPLATE)) return undefined
  const templateAt = (key: string) => {
    const template = metadata.text(key)
    if (template.length <= MOST_CHARACTERS) return template
    throw metadata.refuse(key, `has ${template.length} characters, at most ${MOST_CHARACTERS} are read`)
  }
  const names = metadata.texts(NAMES, [])
  if (names.length > MOST_TEMPLATES) {
    throw metadata.refuse(NAMES, `has ${names.length} names, at most ${MOST_TEMPLATES} are read`)
  }
  const others = names.filter((name) => name !== 'default' && metadata.has(`${TEMPLATE}.${name}`))
  if (others.length === 0) return templateAt(TEMPLATE)
  return [
    { name: 'default', template: templateAt(TEMPLATE) },
    ...others.map((name) => ({ name, template: templateAt(`${TEMPLATE}.${name}`) })),
  ]
}

const notNegative = (value: number) => Math.max(0, value)
const share = (value: number) => Math.min(1, notNegative(value))

/** Sampling settings: key, name in generation_config.json, and the value there. A value beyond its range is off. */
const SAMPLING: readonly [key: string, name: string, inRange: (value: number) => number][] = [
  ['temp', 'temperature', notNegative],
  ['top_k', 'top_k', (value) => Math.trunc(notNegative(value))],
  ['top_p', 'top_p', share],
  ['min_p', 'min_p', share],
  ['penalty_repeat', 'repetition_penalty', (value) => (value > 0 ? value : 1)],
]

function generationConfig(metadata: GgufMetadata, special?: SpecialTokens): object {
  const sampling = SAMPLING.flatMap(([key, name, inRange]): [string, number][] => {
    const value = metadata.number(`general.sampling.${key}`, undefined)
    return value === undefined ? [] : [[name, inRange(value)]]
  })
  const { byRole: { bos, pad } = {}, ends = [] } = special ?? {}
  return {
    ...(bos !== undefined && { bos_token_id: bos }),
    ...(ends.length > 0 && { eos_token_id: ends.length === 1 ? ends[0] : ends }),
    ...(pad !== undefined && { pad_token_id: pad }),
    ...(sampling.length > 0 && { do_sample: true, ...Object.fromEntries(sampling) }),
  }
}
