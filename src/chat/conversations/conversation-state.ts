import type { ChatMessage } from '../../api/text.js'

/** The parts of a conversation that are kept. */
export interface ConversationState {
  messages: readonly ChatMessage[]
  /** The system text; '' if there is none. */
  system: string
  /** Name of the model that answers. */
  model: string
  /** Experts that are switched off, as a file of `--mask` names them; absent if all are on. */
  mask?: KeptMask
}

/** A mask in JSON: specs like `3:mlp:5`, or an object. Only a model can tell whether it fits. */
export type KeptMask = readonly string[] | Readonly<Record<string, unknown>>

/** Whether two conversations have the same experts switched off. */
export function isSameMask(a: KeptMask | undefined, b: KeptMask | undefined): boolean {
  return JSON.stringify(a ?? []) === JSON.stringify(b ?? [])
}

/** Number of messages that two lists have in common at their beginning. */
export function commonMessages(a: readonly ChatMessage[], b: readonly ChatMessage[]): number {
  const most = Math.min(a.length, b.length)
  let common = 0
  while (common < most && isSame(a[common], b[common])) common++
  return common
}

/** Texts come first: both texts of one message are the same object, and quick to compare. */
function isSame(a: ChatMessage, b: ChatMessage): boolean {
  if (a.content !== b.content || a.role !== b.role || a.thinking !== b.thinking) return false
  if (a.toolCallId !== b.toolCallId || a.name !== b.name) return false
  return a.toolCalls === b.toolCalls || JSON.stringify(a.toolCalls ?? []) === JSON.stringify(b.toolCalls ?? [])
}
