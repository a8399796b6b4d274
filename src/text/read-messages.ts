import type { ChatMessage } from '../api/text.js'
import { UserError } from '../errors.js'
import { isObject } from '../json.js'
import { printable } from '../printable.js'

const ROLES: readonly unknown[] = ['system', 'developer', 'user', 'assistant']
const FIELDS = ['role', 'content', 'name', 'tool_calls', 'function_call', 'refusal']

/** A list of messages that cannot be used. */
export class WrongMessages extends UserError {
  constructor(
    /** The field at fault, such as [0, 'role']; empty for the list itself. */
    readonly path: readonly (number | string)[],
    readonly why: string,
    /** Whether messages never have this field. */
    readonly isUnknown = false,
  ) {
    const name = path.map((key) => (typeof key === 'number' ? `[${key}]` : `.${printable(key, 40)}`)).join('')
    super(`"messages${name}" ${why}`)
  }
}

/**
 * Reads the messages of a conversation in the JSON of OpenAI's API, for the server, `--messages` and `--batch`. Null
 * fields count as absent. Throws WrongMessages for the first wrong field.
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
  // A label that no published template uses.
  if (isGiven(name) && typeof name !== 'string') throw wrong('name', 'must be a text')
  if (isGiven(tool_calls) && !(Array.isArray(tool_calls) && tool_calls.length === 0)) {
    throw wrong('tool_calls', 'is not supported; leave it out, or give []')
  }
  if (isGiven(function_call)) throw wrong('function_call', 'is not supported; leave it out')
  if (isGiven(refusal)) throw wrong('refusal', 'is not supported; leave it out')
  const unknown = Object.keys(message).find((key) => isGiven(message[key]) && !FIELDS.includes(key))
  if (unknown !== undefined) throw new WrongMessages([i, unknown], 'is not supported', true)
  // OpenAI's newer models call the system role `developer`.
  return { role: role === 'developer' ? 'system' : (role as string), content: text }
}

/** A text, or the texts of its parts joined. */
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
