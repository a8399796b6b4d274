import type { ConversationOptions } from '../../parsing/conversation-options.js'
import type { GenerationOptions, ModelOptions } from '../../parsing/options.js'

/** Options of `molm run`. */
export interface RunOptions extends ModelOptions, GenerationOptions, ConversationOptions {
  raw?: boolean
  json?: boolean
  jsonl?: boolean
  experts?: boolean
  trace?: string
  /** A file of prompts, where its answers go, and how many run at once. */
  batch?: string
  output?: string
  parallel?: number
  /** Words given as llama.cpp has them, with -p. */
  prompt?: string
}
