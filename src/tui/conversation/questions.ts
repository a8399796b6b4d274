import type { ChatMessage } from '../../api/text.js'

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
