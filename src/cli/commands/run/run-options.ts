import type { KeptMask } from '../../../chat/conversations/conversation-state.js'
import type { AskFlags } from '../../parsing/ask-options.js'
import type { ConversationOptions } from '../../parsing/conversation-options.js'
import type { KeepingFlags } from '../../parsing/keeping-options.js'
import type { McpFlags } from '../../parsing/mcp-options.js'
import type { GenerationOptions, ModelOptions } from '../../parsing/options.js'
import type { Shard } from '../../parsing/shard-option.js'

export interface RunOptions
  extends ModelOptions,
    GenerationOptions,
    ConversationOptions,
    AskFlags,
    McpFlags,
    KeepingFlags {
  raw?: boolean
  json?: boolean
  jsonl?: boolean
  /** Print thoughts to stderr. */
  showThinking?: boolean
  experts?: boolean
  stats?: boolean
  trace?: string
  /** A file for the cache of the prompt. */
  promptCache?: string
  /** A file of prompts. */
  batch?: string
  /** The file for their answers. */
  output?: string
  /** The part of the file to answer. */
  shard?: Shard
  /** Lines answered at once. */
  parallel?: number
  /** Experts that are off in the conversation that is continued. */
  keptMask?: KeptMask
  /** The prompt, given with -p as in llama.cpp. */
  prompt?: string
}
