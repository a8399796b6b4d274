import type { Sampling } from './generation-options.js'
import type { ResponseTemplate } from './response.js'

export interface EncodeOptions {
  /**
   * Add the tokenizer's special tokens, mostly one for the beginning of text. Turn it off for a text that continues
   * another, and for the output of a chat template, which has them already. Default: true.
   */
  addSpecialTokens?: boolean
  /** The text has parts from `literal`, whose marks are left out. They become none of the template's tokens. Default: false. */
  hasLiterals?: boolean
}

/** Options of encoding without blocking the event loop. */
export interface EncodeAsyncOptions extends EncodeOptions {
  /** Aborting it rejects with its reason. */
  signal?: AbortSignal
}

export interface DecodeOptions {
  /** Leave out special tokens such as <|endoftext|>. Default: false. */
  skipSpecial?: boolean
}

/** Converts text to token ids and back (byte-pair encoding). Every text can be encoded and decoded to itself. */
export interface Tokenizer {
  /** Highest id plus one. The model's own vocabulary may be larger, with rows that no token uses. */
  readonly vocabSize: number
  readonly specialIds: ReadonlySet<number>
  /** Whether `encode` takes time proportional to the text, as it does unless the tokenizer's definition is unusual. */
  readonly isQuick: boolean
  /**
   * Encodes synchronously; `encodeAsync` is better for long texts. Throws a UserError if a tokenizer with an unusual
   * definition takes too long.
   */
  encode(text: string, options?: EncodeOptions): number[]
  /** Encodes without blocking the event loop. Rejects as `encode` throws, or with the signal's reason when aborted. */
  encodeAsync(text: string, options?: EncodeAsyncOptions): Promise<number[]>
  /**
   * Encodes a text of at most `most` tokens without blocking the event loop. Resolves with undefined if it has more,
   * without encoding all of it.
   */
  encodeUpTo(text: string, most: number, options?: EncodeAsyncOptions): Promise<number[] | undefined>
  /**
   * The text with marks inside of special tokens and of other tokens that the chat template writes, so that `encode`
   * with `hasLiterals` reads it as ordinary text: for texts of others within a prompt. `kept` are tokens that stay tokens.
   */
  literal(text: string, kept?: ReadonlySet<string>): string
  /**
   * Decodes ids. Invalid UTF-8, such as half a character, becomes U+FFFD. Ids without a token give no text: a model may
   * have more ids than its tokenizer has tokens.
   */
  decode(ids: Iterable<number>, options?: DecodeOptions): string
  /** Decodes without blocking the event loop. Rejects as `decode` throws, or with the signal's reason when aborted. */
  decodeAsync(ids: ArrayLike<number>, options?: DecodeOptions & { signal?: AbortSignal }): Promise<string>
  /** A token's bytes, often not whole characters. Empty for an id without a token. */
  bytesOf(id: number, options?: DecodeOptions): Uint8Array
  /** A token as the vocabulary writes it, such as "Ġthe" for " the". Empty for an id without a token. */
  token(id: number): string
  /** Id of a token as the vocabulary writes it. */
  idOf(token: string): number | undefined
}

/** A model's call of a tool. */
export interface ToolCall {
  /** Unique in the conversation; the tool's result names it. */
  id: string
  name: string
  arguments: Record<string, unknown>
}

export interface ChatMessage {
  /** 'system', 'user', 'assistant', 'tool' or another role that the template knows. */
  role: string
  content: string
  /** Thoughts before the content of an assistant's message. */
  thinking?: string
  /** Calls of an assistant's message. */
  toolCalls?: readonly ToolCall[]
  /** Id of the call whose result a message of the role 'tool' is. */
  toolCallId?: string
  /** Name of the tool whose result a message of the role 'tool' is. */
  name?: string
}

/** A message with further fields that a template may know: tool calls, a name, content in parts. */
export type TemplateMessage = ChatMessage | ({ role: string } & Record<string, unknown>)

export interface RenderOptions {
  /** End with the beginning of the assistant's answer. Default: false. */
  addGenerationPrompt?: boolean
  /** Leave the last message open, so that the generated text continues it. Default: false. */
  continueFinalMessage?: boolean
  /** JSON values for the template by name, such as `tools`, `documents` or `enable_thinking`. */
  args?: Readonly<Record<string, unknown>>
  /** Aborting it rejects with its reason. */
  signal?: AbortSignal
}

/** Writes conversations out in the form that a model was trained on. */
export interface ChatTemplate {
  /**
   * Renders messages as one text that has its special tokens already: encode it without adding any. Rejects with a
   * UserError if the template refuses the messages (say, roles that do not alternate) or takes too long.
   */
  render(messages: readonly TemplateMessage[], options?: RenderOptions): Promise<string>
  /** Prepares for rendering, so that the first conversation need not wait. */
  prepare(): Promise<void>
  /** Form of the model's answers; absent if it is unknown, and then an answer is plain text. */
  readonly response?: ResponseTemplate
  /** Fault of the checkpoint's own `response_template`, in words. Then another form may be used. */
  readonly warning?: string
  /** Whether the template's source contains this text. */
  mentions?(text: string): boolean
}

/** Generation defaults from the model's generation_config.json; options that it does not name are absent. */
export interface GenerationDefaults extends Partial<Omit<Sampling, 'seed'>> {
  maxTokens?: number
  stop?: string[]
  /** Ids that end the text. */
  eosTokens?: number[]
  bosToken?: number
}
