import { printable } from '../../printable.js'
import { byteLevelTokenizer, hasByteCharacters } from './byte-level.js'
import { chatTemplatesOf } from './chat-templates.js'
import { generationConfig } from './generation-config.js'
import { PRE, preTokenizerOf } from './pre-tokenizers.js'
import { hasByteTokens, SENTENCEPIECE_DEFAULTS, sentencePieceTokenizer } from './sentencepiece.js'
import { readSpecialTokens, type SpecialTokens } from './special-tokens.js'
import { readTokens, TOKENS, type TokenList } from './token-list.js'
import type { TokenizerMetadata } from './tokenizer-metadata.js'

const MODEL = 'tokenizer.ggml.model'

/** Files for the texts of a model. */
export interface Texts {
  /** Contents of tokenizer.json, tokenizer_config.json and generation_config.json, by file name. */
  files: Record<string, string>
  /** Reason for the lack of a tokenizer.json: a message with the name of the key. */
  problem?: string
}

/** A tokenizer as tokenizer.json has it, or the reason for its lack. */
type Made = { tokenizer: object; special: SpecialTokens; list: TokenList } | { problem: string }

/**
 * Makes the files of a tokenizer from the metadata of a GGUF file. A tokenizer of an unsupported kind is left out with a
 * reason, since the model runs without it, and a wrong one would give wrong tokens. Throws a UserError that names the key
 * of an impossible value.
 */
export function textsOf(metadata: TokenizerMetadata): Texts {
  const made = makeTokenizer(metadata)
  if ('problem' in made) {
    return { files: { 'generation_config.json': JSON.stringify(generationConfig(metadata)) }, problem: made.problem }
  }
  return {
    files: {
      'tokenizer.json': JSON.stringify(made.tokenizer),
      'tokenizer_config.json': JSON.stringify(tokenizerConfig(metadata, made.special, made.list)),
      'generation_config.json': JSON.stringify(generationConfig(metadata, made.special)),
    },
  }
}

function makeTokenizer(metadata: TokenizerMetadata): Made {
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
  if (model === 'llama') {
    const list = readTokens(metadata)
    if (!hasByteTokens(list)) return problem(TOKENS, 'has no token for some bytes')
    const special = readSpecialTokens(metadata, list, SENTENCEPIECE_DEFAULTS)
    return { tokenizer: sentencePieceTokenizer(metadata, list, special), special, list }
  }
  return problem(MODEL, `is "${printable(model)}", and only the byte-pair encodings "gpt2" and "llama" are supported`)
}

/** The contents of tokenizer_config.json. */
function tokenizerConfig(metadata: TokenizerMetadata, special: SpecialTokens, { tokens }: TokenList): object {
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
