import type { GenerateOptions, GenerationResult, Step } from './generation.js'
import type { ChatMessage, ToolCall } from './text.js'

/** Whether, or how long, a model thinks before it answers. */
export type Think = (typeof THINK_LEVELS)[number]

export const THINK_LEVELS = ['off', 'on', 'low', 'medium', 'high'] as const

/** A function that the model may call. */
export interface Tool {
  name: string
  description?: string
  /** JSON Schema of the arguments, of type "object". Default: no arguments. */
  parameters?: Readonly<Record<string, unknown>>
  /**
   * Runs a call. `chat` gives its result to the model as text, or as JSON if it is no text, and asks for the next
   * message. A rejection is given to the model as an error. Without `run`, the answer ends with the call.
   */
  run?: (args: Record<string, unknown>, call: { id: string; signal?: AbortSignal }) => unknown
}

/** Whether the model may, must or must not call tools, or which one it must call. */
export type ToolChoice = (typeof TOOL_CHOICES)[number] | { name: string }

export const TOOL_CHOICES = ['auto', 'none', 'required'] as const

/** How a model is asked for an answer, in every interface. */
export interface AskOptions {
  /** Default: what the model does by itself. */
  think?: Think
  /** Most tokens of thinking; then the answer is forced. */
  thinkBudget?: number
  tools?: readonly Tool[]
  /** Default: 'auto' with tools. In `chat`, a call that must be made is the first; after its result, it is 'auto'. */
  toolChoice?: ToolChoice
  /** Whether an answer may have several calls. Default: true. */
  parallelToolCalls?: boolean
}

/** Options of `chat`: all of `generate`, and some for conversations only. A constraint holds for the content. */
export interface ChatOptions extends GenerateOptions, AskOptions {
  /** Texts that end the answer and are not part of it, in addition to the model's own. */
  stop?: string[]
  /** JSON values for the chat template by name, such as `tools`, `documents` or `enable_thinking`. */
  args?: Readonly<Record<string, unknown>>
  /** Called with each warning, such as that the template leaves out the system message. */
  onWarning?: (message: string) => void
  /** Called with each message that is added to the conversation: calls, results of tools, and the answer. */
  onMessage?: (message: ChatMessage) => void
  /** Most messages of the model, if it calls tools that have `run`. Default: 16. */
  maxTurns?: number
}

/**
 * One generated token of an answer. The texts leave out blanks at the beginning and the end of the answer. A token whose
 * text belongs to two parts of the message comes as two steps.
 */
export interface ChatStep extends Step {
  /** Part of the message that the text belongs to. The text of a `call` is the model's notation for it. */
  kind: 'thinking' | 'content' | 'call'
}

/** A finished answer. If tools ran, tokens, text and times belong to the last message. */
export interface ChatResult extends GenerationResult {
  /** Number of tokens in the conversation up to the answer. */
  promptTokens: number
  /** Number of them that the cache already held, from earlier turns. */
  cachedTokens: number
  /** The answer. To continue the conversation, append it and the next question to the messages. */
  message: AssistantMessage
  /** All messages that were added, the answer last: more than one if tools ran. */
  messages: ChatMessage[]
}

/** A model's message. */
export interface AssistantMessage extends ChatMessage {
  role: 'assistant'
  content: string
  thinking?: string
  toolCalls?: ToolCall[]
}
