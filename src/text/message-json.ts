import type { ChatMessage, ToolCall } from '../api/text.js'

/** A message in the JSON of OpenAI's API, as `--messages` reads it. */
export function messageJson({ role, content, thinking, toolCalls, toolCallId, name }: ChatMessage) {
  return {
    role,
    content,
    ...(thinking !== undefined && { reasoning_content: thinking }),
    ...(toolCalls && toolCalls.length > 0 && { tool_calls: callsJson(toolCalls) }),
    ...(toolCallId !== undefined && { tool_call_id: toolCallId }),
    ...(name !== undefined && { name }),
  }
}

/** Calls in the JSON of OpenAI's API: the arguments are text. */
export function callsJson(calls: readonly ToolCall[]) {
  return calls.map(({ id, name, arguments: args }) => ({
    id,
    type: 'function' as const,
    function: { name, arguments: JSON.stringify(args) },
  }))
}
