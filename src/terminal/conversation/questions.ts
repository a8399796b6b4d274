import type { ChatMessage, ToolCall } from '../../api/text.js'

/** Index of the user's last message, if it is answered or the last of all; else -1. */
export function lastQuestion(messages: readonly ChatMessage[]): number {
  const last = messages.findLastIndex((message) => !isReply(message))
  const after = messages.slice(last + 1)
  const isOneAnswer = after.length < 2 || after.some(({ role }) => role === 'tool')
  return isOneAnswer && messages[last]?.role === 'user' ? last : -1
}

/** The messages after the user's last one: answers, and results of the calls in them. */
export function latestReplies(messages: readonly ChatMessage[]): ChatMessage[] {
  return messages.slice(messages.findLastIndex(({ role }) => role === 'user') + 1)
}

/** Whether a message is part of the answer to a question. */
export function isReply(message?: ChatMessage): boolean {
  return message?.role === 'assistant' || message?.role === 'tool'
}

/** The calls in the last answer that have no results yet, if nothing but results comes after it. */
export function openCalls(messages: readonly ChatMessage[]): readonly ToolCall[] {
  const last = messages.findLastIndex(({ role }) => role !== 'tool')
  const { role, toolCalls = [] } = messages[last] ?? {}
  return role === 'assistant' ? toolCalls.slice(messages.length - 1 - last) : []
}

/** The result of a call that was stopped before it was done. */
export function stoppedResult({ id, name }: ToolCall): ChatMessage {
  return { role: 'tool', content: 'The user stopped this call.', toolCallId: id, name }
}
