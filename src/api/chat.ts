import type { GenerateOptions, GenerationResult, Step } from './generation.js'

/** Options of `chat`: those of `generate`, and what only a conversation has. */
export interface ChatOptions extends GenerateOptions {
  /** Texts that end the answer and are left out of it, in addition to the model's own. */
  stop?: string[]
  /** Values for the chat template by name: `tools`, `documents`, `enable_thinking` and so on, as JSON has them. */
  args?: Readonly<Record<string, unknown>>
  /** Called with what does not keep the model from answering, such as a template that leaves out the system message. */
  onWarning?: (message: string) => void
}

/** One generated token of an answer. Its text is without the blanks at the beginning and the end of the answer. */
export interface ChatStep extends Step {
  /** Part of the message that the token belongs to. */
  kind: 'content'
}

/** A finished answer. */
export interface ChatResult extends GenerationResult {
  /** Tokens of the conversation up to the answer. */
  promptTokens: number
  /** Those of them that the cache had already, from the turn before. */
  cachedTokens: number
  /** The answer as a message: add it and the next question to the messages, and ask again. */
  message: { role: 'assistant'; content: string }
}
