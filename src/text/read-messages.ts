import type { ChatMessage, ToolCall } from '../api/text.js'
import { UserError } from '../errors.js'
import { isObject, parseJsonObject } from '../json.js'
import { printable } from '../printable.js'

const ROLES: readonly unknown[] = ['system', 'developer', 'user', 'assistant', 'tool']

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

/** Names of a message's fields, and the form of a call. */
interface Dialect {
  calls: string
  callId: string
  /** Names for thoughts; the first that is given counts. */
  thinking: readonly string[]
  readCall(call: Record<string, unknown>, at: Place): ToolCall
}

/**
 * Reads the messages of a conversation in the JSON of OpenAI's API, for the server, `--messages` and `--batch`. Null
 * fields count as absent. Throws WrongMessages for the first wrong field.
 */
export function readMessages(list: unknown): ChatMessage[] {
  return messagesOf(list, OPENAI)
}

/** Checks the messages of a caller of the library, as `readMessages` does for JSON. */
export function checkMessages(list: unknown): ChatMessage[] {
  return messagesOf(list, LIBRARY)
}

const OPENAI: Dialect = {
  calls: 'tool_calls',
  callId: 'tool_call_id',
  thinking: ['reasoning_content', 'reasoning'],
  readCall(call, at) {
    at.refuseUnknown(call, ['id', 'type', 'function', 'index'])
    const { id, type, function: called } = call
    if (isGiven(type) && type !== 'function') throw at.in('type').wrong('must be "function"')
    const place = at.in('function')
    if (!isObject(called)) throw place.mustBe(called, 'an object with a name and arguments')
    place.refuseUnknown(called, ['name', 'arguments'])
    return {
      id: at.in('id').text(id),
      name: place.in('name').text(called.name),
      arguments: parsed(called.arguments, place.in('arguments')),
    }
  },
}

const LIBRARY: Dialect = {
  calls: 'toolCalls',
  callId: 'toolCallId',
  thinking: ['thinking'],
  readCall(call, at) {
    at.refuseUnknown(call, ['id', 'name', 'arguments'])
    const { id, name, arguments: args } = call
    if (!isObject(args)) throw at.in('arguments').mustBe(args, 'an object')
    return { id: at.in('id').text(id), name: at.in('name').text(name), arguments: args }
  },
}

/** Parses arguments. Some clients write no arguments as an empty text. */
function parsed(json: unknown, at: Place): Record<string, unknown> {
  const mustBe = 'a text that is a JSON object'
  if (typeof json !== 'string') throw at.mustBe(json, mustBe)
  if (json.trim() === '') return {}
  try {
    return parseJsonObject(new TextEncoder().encode(json), '')
  } catch (error) {
    throw error instanceof UserError ? at.wrong(`must be ${mustBe}`) : error
  }
}

function messagesOf(list: unknown, dialect: Dialect): ChatMessage[] {
  const at = new Place([])
  if (list === undefined) throw at.wrong('is missing')
  if (!Array.isArray(list)) throw at.wrong('must be a list of messages')
  if (list.length === 0) throw at.wrong('must have a message in it')
  return list.map((message, i) => readMessage(message, at.in(i), dialect))
}

function readMessage(message: unknown, at: Place, dialect: Dialect): ChatMessage {
  if (!isObject(message)) throw at.wrong('must be an object with a role and a content')
  const { role, content, name } = message
  if (!ROLES.includes(role)) throw at.in('role').mustBe(role, 'system, developer, user, assistant or tool')
  const isAnswer = role === 'assistant'
  const toolCalls = isAnswer ? callsOf(message[dialect.calls], at.in(dialect.calls), dialect) : []
  const thinkingField = dialect.thinking.find((field) => isAnswer && isGiven(message[field]))
  const thinking = thinkingField && at.in(thinkingField).textOrEmpty(message[thinkingField])
  const text = !isGiven(content) && toolCalls.length > 0 ? '' : textOf(content)
  if (text === undefined) {
    const mustBe = 'a text, or a list of {"type": "text", "text": ...}; nothing else is supported'
    throw at.in('content').mustBe(content, mustBe)
  }
  if (isGiven(name) && typeof name !== 'string') throw at.in('name').wrong('must be a text')
  for (const field of ['function_call', 'refusal']) {
    if (isGiven(message[field])) throw at.in(field).wrong('is not supported; leave it out')
  }
  const forAnswers = isAnswer ? dialect.thinking : []
  at.refuseUnknown(message, ['role', 'content', 'name', ...forAnswers, ...fieldsOfTools(message, dialect)])
  return {
    // OpenAI's newer models call the system role `developer`.
    role: role === 'developer' ? 'system' : (role as string),
    content: text,
    ...(thinking && { thinking }),
    ...(toolCalls.length > 0 && { toolCalls }),
    ...(role === 'tool' && { toolCallId: at.in(dialect.callId).text(message[dialect.callId]) }),
    // In other messages a name is a label that no published template uses.
    ...(role === 'tool' && isGiven(name) && { name: name as string }),
  }
}

/** Fields for tools that the message may have. An empty list of calls means nothing and passes in every message. */
function fieldsOfTools(message: Record<string, unknown>, { calls, callId }: Dialect): string[] {
  const list = message[calls]
  const hasCalls = message.role === 'assistant' || (Array.isArray(list) && list.length === 0)
  return [...(hasCalls ? [calls] : []), ...(message.role === 'tool' ? [callId] : [])]
}

function callsOf(list: unknown, at: Place, dialect: Dialect): ToolCall[] {
  if (!isGiven(list)) return []
  if (!Array.isArray(list)) throw at.wrong('must be a list of calls')
  return list.map((call, i) => {
    if (!isObject(call)) throw at.in(i).wrong('must be an object')
    return dialect.readCall(call, at.in(i))
  })
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

/** A field's place in the list, for errors that name it. */
class Place {
  constructor(private readonly path: readonly (number | string)[]) {}

  in(key: number | string): Place {
    return new Place([...this.path, key])
  }

  wrong(why: string): WrongMessages {
    return new WrongMessages(this.path, why)
  }

  mustBe(value: unknown, mustBe: string): WrongMessages {
    return this.wrong(isGiven(value) ? `must be ${mustBe}` : 'is missing')
  }

  text(value: unknown): string {
    if (typeof value !== 'string' || value === '') throw this.mustBe(value, 'a text that is not empty')
    return value
  }

  textOrEmpty(value: unknown): string {
    if (typeof value !== 'string') throw this.wrong('must be a text')
    return value
  }

  refuseUnknown(object: Record<string, unknown>, known: readonly string[]): void {
    const unknown = Object.keys(object).find((key) => isGiven(object[key]) && !known.includes(key))
    if (unknown !== undefined) throw new WrongMessages([...this.path, unknown], 'is not supported', true)
  }
}

function isGiven(value: unknown): boolean {
  return value !== undefined && value !== null
}
