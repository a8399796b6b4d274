import type { ChatMessage } from '../api/text.js'
import { UserError } from '../errors.js'
import { isObject } from '../json.js'
import { printable } from '../printable.js'

const ROLES: readonly unknown[] = ['system', 'developer', 'user', 'assistant']
const FIELDS = ['role', 'content', 'name', 'tool_calls', 'function_call', 'refusal']

/** Thrown for messages that cannot be used. */
export class WrongMessages extends UserError {
  constructor(
    /** The field at fault, such as [0, 'role']; empty for the list itself. */
    readonly path: readonly (number | string)[],
    readonly why: string,
    /** Whether messages have no such field at all. */
    readonly isUnknown = false,
  ) {
    const name = path.map((key) => (typeof key === 'number' ? `[${key}]` : `.${printable(key, 40)}`)).join('')
    super(`"messages${name}" ${why}`)
  }
}

/**
 * The messages of a conversation in the JSON of OpenAI's API: those of the server's requests, of `--messages` and of
 * `--batch`. A field that is null is as if it were left out. Throws WrongMessages for the first field at fault.
 */
export function readMessages(list: unknown): ChatMessage[] {
  if (list === undefined) throw new WrongMessages([], 'is missing')
  if (!Array.isArray(list)) throw new WrongMessages([], 'must be a list of messages')
  if (list.length === 0) throw new WrongMessages([], 'must have a message in it')
  return list.map(readMessage)
}

function readMessage(message: unknown, i: number): ChatMessage {
  if (!isObject(message)) throw new WrongMessages([i], 'must be an object with a role and a content')
  const wrong = (field: string, why: string) => new WrongMessages([i, field], why)
  const needed = (field: string, mustBe: string) =>
    wrong(field, isGiven(message[field]) ? `must be ${mustBe}` : 'is missing')
  const { role, content, name, tool_calls, function_call, refusal } = message
  if (!ROLES.includes(role)) throw needed('role', 'system, developer, user or assistant')
  const text = textOf(content)
  if (text === undefined) {
    throw needed('content', 'a text, or a list of {"type": "text", "text": ...}; nothing else is supported')
  }
  // A label, which no template here has a place for.
  if (isGiven(name) && typeof name !== 'string') throw wrong('name', 'must be a text')
  if (isGiven(tool_calls) && !(Array.isArray(tool_calls) && tool_calls.length === 0)) {
    throw wrong('tool_calls', 'is not supported; leave it out, or give []')
  }
  if (isGiven(function_call)) throw wrong('function_call', 'is not supported; leave it out')
  if (isGiven(refusal)) throw wrong('refusal', 'is not supported; leave it out')
  const unknown = Object.keys(message).find((key) => isGiven(message[key]) && !FIELDS.includes(key))
  if (unknown !== undefined) throw new WrongMessages([i, unknown], 'is not supported', true)
  // OpenAI's newer models call a system text the developer's.
  return { role: role === 'developer' ? 'system' : (role as string), content: text }
}

/** A text, or parts that are texts, put together as they are. */
function textOf(content: unknown): string | undefined {
  if (typeof content === 'string') return content
  if (!Array.isArray(content)) return undefined
  const texts = content.map((part) => {
    const isText = isObject(part) && part.type === 'text' && Object.values(part).filter(isGiven).length === 2
    return isText && typeof part.text === 'string' ? part.text : undefined
  })
  return texts.every((text) => text !== undefined) ? texts.join('') : undefined
}

function isGiven(value: unknown): boolean {
  return value !== undefined && value !== null
}
