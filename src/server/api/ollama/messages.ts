import * as z from 'zod'
import type { ChatMessage } from '../../../api/text.js'
import { isObject } from '../../../ground/json/json.js'
import { argumentsIn, type Dialect, readFunctionCall } from '../../../text/read-messages.js'
import { messagesOf } from '../conversation.js'

/** Arguments are an object here; a text of OpenAI's API passes, too. */
const OLLAMA: Dialect = {
  calls: 'tool_calls',
  callId: 'tool_call_id',
  name: 'tool_name',
  thinking: ['thinking', 'reasoning_content', 'reasoning'],
  readCall: (call) =>
    readFunctionCall(call, (json) =>
      typeof json.value === 'string' ? argumentsIn(json, 'an object') : json.given(isObject, 'an object'),
    ),
}

/** Messages in the form of ollama's API; none at all only load the model. */
export const ollamaMessages = z.unknown().transform((list, { issues }): ChatMessage[] => {
  return Array.isArray(list) && list.length === 0 ? [] : messagesOf(completed(list), issues, OLLAMA)
})

/** A call without a result so far. */
interface OpenCall {
  id: string
  name: unknown
}

/** Adds what ollama's messages may leave out, such as the ids of calls. Leaves wrong values to the check that follows. */
function completed(list: unknown): unknown {
  if (!Array.isArray(list)) return list
  const open: OpenCall[] = []
  return list.map((message, i) => {
    if (!isObject(message)) return message
    const { role: given, content = '', images, tool_calls, name, tool_name = name, ...rest } = message
    const role = typeof given === 'string' ? given.toLowerCase() : given
    const calls = Array.isArray(tool_calls) ? tool_calls.map((call, j) => callOf(call, `call_${i}_${j}`)) : tool_calls
    if (role === 'assistant' && Array.isArray(calls)) open.push(...calls.flatMap(openCallOf))
    return {
      ...{ ...rest, role, content },
      ...(isAny(images) && { images }),
      ...(calls !== undefined && { tool_calls: calls }),
      ...(tool_name !== undefined && { tool_name }),
      ...(role === 'tool' && { tool_call_id: rest.tool_call_id ?? answered(open, tool_name) ?? `call_${i}` }),
    }
  })
}

function isAny(list: unknown): boolean {
  return list !== undefined && !(Array.isArray(list) && list.length === 0)
}

function callOf(call: unknown, id: string): unknown {
  if (!isObject(call) || !isObject(call.function)) return call
  const { index, arguments: args = {}, ...called } = call.function
  return { id, ...call, function: { ...called, arguments: args } }
}

function openCallOf(call: unknown): OpenCall[] {
  return isObject(call) && isObject(call.function) ? [{ id: String(call.id), name: call.function.name }] : []
}

/** Id of the call that a result without an id answers: the first with its name, else the first. */
function answered(open: OpenCall[], name: unknown): string | undefined {
  const at = open.findIndex((call) => call.name === name)
  return open.splice(Math.max(0, at), 1)[0]?.id
}
