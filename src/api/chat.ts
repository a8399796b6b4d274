import type { GenerateOptions, GenerationResult, Step } from './generation.js'

/** Options of `chat`: those of `generate`, and some for conversations only. */
export interface ChatOptions extends GenerateOptions {
  /** Texts that end the answer and are not part of it, in addition to the model's own. */
  stop?: string[]
  /** JSON values for the chat template by name, such as `tools`, `documents` or `enable_thinking`. */
  args?: Readonly<Record<string, unknown>>
  /** Called with each warning, such as that the template leaves out the system message. */
  onWarning?: (message: string) => void
}

/** One generated token of an answer. The texts leave out blanks at the beginning and the end of the answer. */
export interface ChatStep extends Step {
  /** Part of the message that the text belongs to. */
  kind: 'content'
}

/** A finished answer. */
export interface ChatResult extends GenerationResult {
  /** Number of tokens in the conversation up to the answer. */
  promptTokens: number
  /** Number of them that the cache already held, from earlier turns. */
  cachedTokens: number
  /** The answer. To continue the conversation, append it and the next question to the messages. */
  message: { role: 'assistant'; content: string }
}
