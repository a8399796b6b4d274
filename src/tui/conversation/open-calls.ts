import type { ChatMessage, ToolCall } from '../../api/text.js'

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
