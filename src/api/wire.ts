import type { PerMixture } from '../model/config/config.js'
import type { ChatStep } from './chat-options.js'

/* Forms of what the server sends and the page reads: OpenAI's chunks, and molm's additions to them. */

/** A message of a conversation. */
export interface WireMessage {
  role: string
  /** Null if there are only calls. */
  content: string | null
  reasoning_content?: string
  tool_calls?: WireCall[]
  tool_call_id?: string
}

/** A call of a tool, with its arguments as JSON. */
export interface WireCall {
  id: string
  type: 'function'
  function: { name: string; arguments: string }
}

/** A part of a streamed message. */
export interface Delta {
  role?: string
  content?: string | null
  refusal?: null
  reasoning_content?: string
  tool_calls?: DeltaCall[] | null
}

/** A part of a call: its id and name come first, then its arguments. */
export interface DeltaCall {
  index: number
  id?: string
  type?: 'function'
  function?: { name?: string; arguments?: string }
}

/** A token with the experts that it woke when it was read, per layer. */
export interface RoutedToken {
  token: number
  text: string
  /** Null if the model had no position left to read the token. */
  experts: ({ layer: number } & PerMixture<{ ids: number[]; gates: number[] }>)[] | null
  /** Part of the answer that it belongs to; only in answers of a conversation. */
  kind?: ChatStep['kind']
}

/**
 * Tokens of a prompt that have been read, as llama.cpp's server reports them. Without the cache the progress is
 * (processed - cache) / (total - cache).
 */
export interface PromptProgress {
  total: number
  /** Tokens that an earlier request had left in memory. */
  cache: number
  /** Tokens read so far, those in the cache among them. */
  processed: number
  /** Milliseconds since the reading began. */
  time_ms: number
}

/** An event of a streamed chat or completion. */
export interface WireChunk {
  choices: {
    /** In a chat. */
    delta?: Delta
    /** In a completion. */
    text?: string
    /** In the form of completions or of chats. */
    logprobs?: { token_logprobs?: number[]; content?: { logprob: number }[] } | null
    routed_experts?: RoutedToken[]
    prompt_routed_experts?: RoutedToken[]
    finish_reason?: string | null
  }[]
  /** Notes on the request, such as that the model cannot stop thinking; in the first chunk. */
  notes?: string[]
  prompt_progress?: PromptProgress
}
