import type { Tokenizer as HuggingFaceTokenizer } from '@huggingface/tokenizers'
import { UserError } from '../errors.js'
import { bytesFromAlphabet } from './byte-alphabet.js'
import { reasonOf } from './text-files.js'
import { readTokenizerDefinition, type TokenizerDefinition } from './tokenizer-definition.js'

export interface DecodeOptions {
  /** Leave out special tokens such as <|endoftext|>; off by default. */
  skipSpecial?: boolean
}

/** Text to token ids and back, byte-level BPE: every text has tokens, and they give it back exactly. */
export interface Tokenizer {
  /** One more than the highest id. The model's vocab_size may be larger: rows that no token uses. */
  readonly vocabSize: number
  readonly specialIds: ReadonlySet<number>
  encode(text: string): number[]
  /** Bytes that are no valid UTF-8 (half a character, say) become U+FFFD. Ids without a token give nothing. */
  decode(ids: Iterable<number>, options?: DecodeOptions): string
  /** A token's own bytes, often not whole characters: what Utf8Stream takes. Empty for an id without a token. */
  bytesOf(id: number, options?: DecodeOptions): Uint8Array
  /** The token as the vocabulary writes it ("Ġthe" for " the"), empty for an id without one. */
  token(id: number): string
  /** The id of a token as the vocabulary writes it. */
  idOf(token: string): number | undefined
}

/**
 * Loads the tokenizer of a checkpoint folder: tokenizer.json, or vocab.json with merges.txt. Undefined where the folder
 * has neither. Rejects with a UserError that names the file which cannot be used.
 */
export async function loadTokenizer(dir: string): Promise<Tokenizer | undefined> {
  const definition = await readTokenizerDefinition(dir)
  if (!definition) return undefined
  // Imported here so that programs which need no text do not load it.
  const library = await import('@huggingface/tokenizers')
  try {
    return new ByteLevelTokenizer(new library.Tokenizer(definition.json, definition.config), definition)
  } catch (error) {
    throw new UserError(`${definition.file}: cannot be used as a tokenizer (${reasonOf(error)})`)
  }
}

/**
 * Encodes with Hugging Face's library. Decodes by itself: the library's way of decoding changes spaces before
 * punctuation unless told otherwise, and has no bytes to give for streaming.
 */
class ByteLevelTokenizer implements Tokenizer {
  readonly vocabSize: number
  readonly specialIds: ReadonlySet<number>
  private readonly addedIds: ReadonlySet<number>
  private readonly cleansUp: boolean

  constructor(
    private readonly library: HuggingFaceTokenizer,
    { addedTokens, config }: TokenizerDefinition,
  ) {
    this.vocabSize = library.model?.vocab.length ?? 0
    this.addedIds = new Set(addedTokens.map((token) => token.id))
    this.specialIds = new Set(addedTokens.filter((token) => token.special).map((token) => token.id))
    this.cleansUp = config.clean_up_tokenization_spaces === true
  }

  encode(text: string): number[] {
    return this.library.encode(text).ids
  }

  decode(ids: Iterable<number>, options?: DecodeOptions): string {
    const bytes = Array.from(ids, (id) => this.bytesOf(id, options))
    const text = UTF8.decode(concatenate(bytes))
    return this.cleansUp ? cleanUpSpaces(text) : text
  }

  bytesOf(id: number, options?: DecodeOptions): Uint8Array {
    if (options?.skipSpecial && this.specialIds.has(id)) return new Uint8Array(0)
    const token = this.token(id)
    // Added tokens are written as plain text, all others in the byte alphabet.
    return (this.addedIds.has(id) ? undefined : bytesFromAlphabet(token)) ?? new TextEncoder().encode(token)
  }

  token(id: number): string {
    return this.library.id_to_token(id) ?? ''
  }

  idOf(token: string): number | undefined {
    return this.library.token_to_id(token)
  }
}

// A byte-order mark at the beginning is part of the text.
const UTF8 = new TextDecoder('utf-8', { ignoreBOM: true })

function concatenate(parts: Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}

/** Joins punctuation and English contractions to the word before them, where tokenizer_config.json asks for it. */
function cleanUpSpaces(text: string): string {
  return text
    .replace(/ ([.?!,])/g, '$1')
    .replace(/ ' /g, "'")
    .replace(/ (n't|'m|'s|'ve|'re)/g, '$1')
}
