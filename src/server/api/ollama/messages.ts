import { z } from 'zod'
import type { ChatMessage } from '../../../api/text.js'
import { isObject } from '../../../ground/json/json.js'
import { messagesOf } from '../messages.js'

/** Fields of a message that have another name in OpenAI's API. */
const NAMES: Record<string, string> = { reasoning_content: 'thinking', name: 'tool_name' }

/** Messages in the form of ollama's API; none at all only load the model. */
export const ollamaMessages = z.unknown().transform((list, { issues }): ChatMessage[] => {
  if (Array.isArray(list) && list.length === 0) return []
  const found: z.core.$ZodRawIssue[] = []
  const messages = messagesOf(inOpenAisForm(list), found)
  for (const { path = [], message, ...issue } of found) {
    const names = path.map((key, i) => (i === 1 ? (NAMES[String(key)] ?? key) : key))
    const why = String(message).replace('a text that is a JSON object', 'an object')
    issues.push({ ...issue, path: names, ...(message !== undefined && { message: why }) } as z.core.$ZodRawIssue)
  }
  return messages
})

/** A call without a result so far. */
interface OpenCall {
  id: string
  name: unknown
}

/** Leaves wrong values as they are, for the check that follows. */
function inOpenAisForm(list: unknown): unknown {
  if (!Array.isArray(list)) return list
  const open: OpenCall[] = []
  return list.map((message, i) => {
    if (!isObject(message)) return message
    const { role: given, content = '', thinking, images, tool_calls, tool_name, ...rest } = message
    const role = typeof given === 'string' ? given.toLowerCase() : given
    const calls = Array.isArray(tool_calls) ? tool_calls.map((call, j) => callOf(call, `call_${i}_${j}`)) : tool_calls
    if (role === 'assistant' && Array.isArray(calls)) open.push(...calls.flatMap(openCallOf))
    const name = tool_name ?? rest.name
    return {
      ...{ ...rest, role, content },
      ...(thinking !== undefined && { reasoning_content: thinking }),
      ...(isAny(images) && { images }),
      ...(calls !== undefined && { tool_calls: calls }),
      ...(name !== undefined && { name }),
      ...(role === 'tool' && { tool_call_id: rest.tool_call_id ?? answered(open, name) ?? `call_${i}` }),
    }
  })
}

function isAny(list: unknown): boolean {
  return list !== undefined && !(Array.isArray(list) && list.length === 0)
}

/** Arguments are an object here and a text there; an id is optional here. */
function callOf(call: unknown, id: string): unknown {
  if (!isObject(call) || !isObject(call.function)) return call
  const { index, arguments: args = {}, ...called } = call.function
  return { id, ...call, function: { ...called, arguments: isObject(args) ? JSON.stringify(args) : args } }
}

function openCallOf(call: unknown): OpenCall[] {
  return isObject(call) && isObject(call.function) ? [{ id: String(call.id), name: call.function.name }] : []
}

/** Id of the call that a result without an id answers: the first with its name, else the first. */
function answered(open: OpenCall[], name: unknown): string | undefined {
  const at = open.findIndex((call) => call.name === name)
  return open.splice(Math.max(0, at), 1)[0]?.id
}
