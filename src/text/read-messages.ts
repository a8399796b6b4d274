import type { ChatMessage, ToolCall } from '../api/text.js'
import { UserError } from '../ground/errors.js'
import { anyOf, fields, isText, isWord, listOf, oneOf } from '../ground/json/forms.js'
import { isObject, parseJsonObject } from '../ground/json/json.js'
import { JsonReader, nameOf } from '../ground/json/reader.js'

const ROLES = ['system', 'developer', 'user', 'assistant', 'tool']

/** A list of messages that cannot be used. */
export class WrongMessages extends UserError {
  constructor(
    /** The field at fault, such as [0, 'role']; empty for the list itself. */
    readonly path: readonly (number | string)[],
    readonly why: string,
  ) {
    super(`"${nameOf(['messages', ...path])}" ${why}`)
  }
}

/** Names of a message's fields, and the form of a call. */
export interface Dialect {
  calls: string
  callId: string
  /** Name of the tool whose result a message is. */
  name: string
  /** Names for thoughts; the first that is given counts. */
  thinking: readonly string[]
  readCall(call: JsonReader): ToolCall
}

/**
 * Reads the messages of a conversation in the JSON of OpenAI's API or of another, for the server, `--messages` and `--batch`.
 * Null fields count as absent. Throws WrongMessages for the first wrong field.
 */
export function readMessages(list: unknown, dialect: Dialect = OPENAI): ChatMessage[] {
  return messagesOf(list, dialect)
}

/** Checks the messages of a caller of the library, as `readMessages` does for JSON. */
export function checkMessages(list: unknown): ChatMessage[] {
  return messagesOf(list, LIBRARY)
}

const OPENAI: Dialect = {
  calls: 'tool_calls',
  callId: 'tool_call_id',
  name: 'name',
  thinking: ['reasoning_content', 'reasoning'],
  readCall: (call) => readFunctionCall(call, argumentsIn),
}

const LIBRARY: Dialect = {
  calls: 'toolCalls',
  callId: 'toolCallId',
  name: 'name',
  thinking: ['thinking'],
  readCall(call) {
    call.refuseUnknown(['id', 'name', 'arguments'])
    const args = call.in('arguments').given(isObject, 'an object')
    return { id: wordOf(call.in('id')), name: wordOf(call.in('name')), arguments: args }
  },
}

/** Reads a call in OpenAI's form. */
export function readFunctionCall(
  call: JsonReader,
  readArguments: (json: JsonReader) => ToolCall['arguments'],
): ToolCall {
  call.refuseUnknown(['id', 'type', 'function', 'index'])
  if (call.in('type').isGiven) call.in('type').as(oneOf(['function']), '"function"')
  const called = call.in('function')
  called.given(isObject, 'an object with a name and arguments')
  called.refuseUnknown(['name', 'arguments'])
  return {
    id: wordOf(call.in('id')),
    name: wordOf(called.in('name')),
    arguments: readArguments(called.in('arguments')),
  }
}

/** Parses arguments. Some clients write no arguments as an empty text. */
export function argumentsIn(json: JsonReader, mustBe = 'a text that is a JSON object'): ToolCall['arguments'] {
  const text = json.given(isText, mustBe)
  if (text.trim() === '') return {}
  try {
    return parseJsonObject(new TextEncoder().encode(text), '')
  } catch (error) {
    throw error instanceof UserError ? json.error(`must be ${mustBe}`) : error
  }
}

function messagesOf(value: unknown, dialect: Dialect): ChatMessage[] {
  const list = new JsonReader(value, (path, why) => new WrongMessages(path, why))
  if (value === undefined) throw list.error('is missing')
  const messages = list.items('a list of messages')
  if (messages.length === 0) throw list.error('must have a message in it')
  return messages.map((message) => readMessage(message, dialect))
}

function readMessage(at: JsonReader, dialect: Dialect): ChatMessage {
  const message = at.as(isObject, 'an object with a role and a content')
  const role = at.in('role').given(oneOf(ROLES), 'system, developer, user, assistant or tool')
  const isAnswer = role === 'assistant'
  const toolCalls = isAnswer ? callsOf(at.in(dialect.calls), dialect) : []
  const thinkingField = dialect.thinking.find((field) => isAnswer && at.in(field).isGiven)
  const thinking = thinkingField && at.in(thinkingField).as(isText, 'a text')
  const content = at.in('content')
  const text = !content.isGiven && toolCalls.length > 0 ? '' : textOf(content)
  const name = at.in(dialect.name).isGiven ? at.in(dialect.name).as(isText, 'a text') : undefined
  for (const field of ['function_call', 'refusal']) {
    if (at.in(field).isGiven) throw at.in(field).error('is not supported; leave it out')
  }
  const forAnswers = isAnswer ? dialect.thinking : []
  at.refuseUnknown(['role', 'content', dialect.name, ...forAnswers, ...fieldsOfTools(message, dialect)])
  return {
    // OpenAI's newer models call the system role `developer`.
    role: role === 'developer' ? 'system' : role,
    content: text,
    ...(thinking && { thinking }),
    ...(toolCalls.length > 0 && { toolCalls }),
    ...(role === 'tool' && { toolCallId: wordOf(at.in(dialect.callId)) }),
    // In other messages a name is a label that no published template uses.
    ...(role === 'tool' && name !== undefined && { name }),
  }
}

/** Fields for tools that the message may have. An empty list of calls means nothing and passes in every message. */
function fieldsOfTools(message: Record<string, unknown>, { calls, callId }: Dialect): string[] {
  const list = message[calls]
  const hasCalls = message.role === 'assistant' || (Array.isArray(list) && list.length === 0)
  return [...(hasCalls ? [calls] : []), ...(message.role === 'tool' ? [callId] : [])]
}

function callsOf(list: JsonReader, dialect: Dialect): ToolCall[] {
  if (!list.isGiven) return []
  return list.items('a list of calls').map((call) => {
    call.as(isObject, 'an object')
    return dialect.readCall(call)
  })
}

/** A text, or the texts of its parts joined. */
function textOf(content: JsonReader): string {
  const mustBe = 'a text, or a list of {"type": "text", "text": ...}; nothing else is supported'
  const parts = content.given(anyOf(isText, listOf(isTextPart)), mustBe)
  return typeof parts === 'string' ? parts : parts.map(({ text }) => text).join('')
}

const hasText = fields({ type: oneOf(['text']), text: isText })

function isTextPart(part: unknown): part is { text: string } {
  return hasText(part) && Object.values(part).filter(isGiven).length === 2
}

function wordOf(text: JsonReader): string {
  return text.given(isWord, 'a text that is not empty')
}

function isGiven(value: unknown): boolean {
  return value !== undefined && value !== null
}
