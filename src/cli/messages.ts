import { UserError } from '../errors.js'
import { isObject } from '../json.js'
import { printable } from '../printable.js'
import type { ChatMessage } from '../text/chat-template.js'

const ROLES = ['system', 'developer', 'user', 'assistant']

/**
 * The messages of a conversation as JSON has them. Takes what the server's API takes, and refuses the rest in the same
 * words. Throws a UserError that names the first field at fault.
 */
export function messagesFrom(value: unknown): ChatMessage[] {
  if (!Array.isArray(value)) throw new UserError('"messages" must be a list of messages')
  if (value.length === 0) throw new UserError('"messages" must have a message in it')
  return value.map((message, i) => messageFrom(message, `messages[${i}]`))
}

function messageFrom(message: unknown, name: string): ChatMessage {
  const wrong = (field: string, why: string) => new UserError(`"${name}${field}" ${why}`)
  if (!isObject(message)) throw wrong('', 'must be an object with a role and a content')
  const { role, content, tool_calls, refusal, ...others } = message
  if (role === undefined) throw wrong('.role', 'is missing')
  if (typeof role !== 'string' || !ROLES.includes(role)) {
    throw wrong('.role', 'must be system, developer, user or assistant')
  }
  if (content === undefined) throw wrong('.content', 'is missing')
  const text = textOf(content)
  if (text === undefined) {
    throw wrong('.content', 'must be a text, or a list of {"type": "text", "text": ...}; nothing else is supported')
  }
  const isEmpty = tool_calls === undefined || tool_calls === null || (Array.isArray(tool_calls) && !tool_calls.length)
  if (!isEmpty) throw wrong('.tool_calls', 'is not supported')
  if (refusal !== undefined && refusal !== null) throw wrong('.refusal', 'is not supported')
  const [other] = Object.keys(others)
  if (other !== undefined) throw wrong(`.${printable(other, 40)}`, 'is not supported')
  // OpenAI's newer models call a system text so.
  return { role: role === 'developer' ? 'system' : role, content: text }
}

/** A text, or parts that are texts, joined. */
function textOf(content: unknown): string | undefined {
  if (typeof content === 'string') return content
  if (!Array.isArray(content)) return undefined
  const texts = content.map((part) => {
    const isText = isObject(part) && part.type === 'text' && Object.keys(part).length === 2
    return isText && typeof part.text === 'string' ? part.text : undefined
  })
  return texts.every((text) => text !== undefined) ? texts.join('') : undefined
}
