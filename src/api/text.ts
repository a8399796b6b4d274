import type { Sampling } from '../generation-options.js'

export interface EncodeOptions {
  /**
   * Put the tokens around the text that the tokenizer's makers want there, a beginning of text mostly; on by default.
   * Off for what goes on another text, and for conversations that a template has written: it writes them itself.
   */
  addSpecialTokens?: boolean
}

/** Options of encoding with turns of the event loop in between. */
export interface EncodeAsyncOptions extends EncodeOptions {
  /** Aborting it rejects with its reason. */
  signal?: AbortSignal
}

export interface DecodeOptions {
  /** Leave out special tokens such as <|endoftext|>; off by default. */
  skipSpecial?: boolean
}

/** Text to token ids and back, byte-pair encoding: every text has tokens, and they give it back. */
export interface Tokenizer {
  /** One more than the highest id. The model's vocab_size may be larger: rows that no token uses. */
  readonly vocabSize: number
  readonly specialIds: ReadonlySet<number>
  /** Whether `encode` takes a time proportional to the text. It does for all but tokenizers of an unusual definition. */
  readonly isQuick: boolean
  /**
   * Encodes at once. Long texts are better given to `encodeAsync`. Throws a UserError where a tokenizer of an unusual
   * definition takes too long for it.
   */
  encode(text: string, options?: EncodeOptions): number[]
  /** Encodes without blocking the event loop. Rejects as `encode` throws, or with the signal's reason when aborted. */
  encodeAsync(text: string, options?: EncodeAsyncOptions): Promise<number[]>
  /**
   * As `encodeAsync`, for texts of at most `most` tokens. Undefined if the text has more, which is found without encoding
   * all of it.
   */
  encodeUpTo(text: string, most: number, options?: EncodeAsyncOptions): Promise<number[] | undefined>
  /**
   * Bytes that are no valid UTF-8 (half a character, say) become U+FFFD. Ids without a token give nothing: a model may
   * have more rows of logits than its tokenizer has tokens.
   */
  decode(ids: Iterable<number>, options?: DecodeOptions): string
  /** Decodes without blocking the event loop. Rejects as `decode` throws, or with the signal's reason when aborted. */
  decodeAsync(ids: ArrayLike<number>, options?: DecodeOptions & { signal?: AbortSignal }): Promise<string>
  /** A token's own bytes, often not whole characters: what Utf8Stream takes. Empty for an id without a token. */
  bytesOf(id: number, options?: DecodeOptions): Uint8Array
  /** The token as the vocabulary writes it ("Ġthe" for " the"), empty for an id without one. */
  token(id: number): string
  /** The id of a token as the vocabulary writes it. */
  idOf(token: string): number | undefined
}

export interface ChatMessage {
  /** 'system', 'user' or 'assistant', or whatever else the template knows. */
  role: string
  content: string
}

/** A message with all that a template may know of: tool calls, a name, content in parts. */
export type TemplateMessage = ChatMessage | ({ role: string } & Record<string, unknown>)

export interface RenderOptions {
  /** End with the beginning of the assistant's answer. */
  addGenerationPrompt?: boolean
  /** Leave the last message open, so that what is generated goes on with it; no beginning of an answer is added then. */
  continueFinalMessage?: boolean
  /** More that the template knows by name: `tools`, `documents`, `enable_thinking` and so on, as JSON has them. */
  args?: Readonly<Record<string, unknown>>
  /** Aborting it rejects with its reason. */
  signal?: AbortSignal
}

/** How a model wants a conversation written out. */
export interface ChatTemplate {
  /**
   * The conversation as one text, with the special tokens in it: encode it without adding any. Rejects with a UserError
   * where the template refuses it (roles that do not alternate, say), or takes too long for it.
   */
  render(messages: readonly TemplateMessage[], options?: RenderOptions): Promise<string>
  /** Gets ready to render, so that the first conversation need not wait for it. */
  prepare(): Promise<void>
}

/** How the makers of a model want it to generate; what they do not say is absent. */
export interface GenerationDefaults extends Partial<Omit<Sampling, 'seed'>> {
  maxTokens?: number
  stop?: string[]
  /** Any of these ends the text. */
  eosTokens?: number[]
  bosToken?: number
}
