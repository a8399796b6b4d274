import { z } from 'zod'
import type { ChatMessage, ToolCall } from '../../../api/text.js'
import { UserError } from '../../../errors.js'
import { isObject, parseJsonObject } from '../../../json.js'
import { MOST_ARGUMENTS, TOO_LONG_ARGUMENTS } from '../chat-body.js'

/** A text, or items of a conversation; the first wrong field becomes the issue. */
export const inputField = z.unknown().transform((input, { issues }): ChatMessage[] => {
  try {
    return messagesOf(input)
  } catch (error) {
    if (!(error instanceof WrongItem)) throw error
    const { path, message } = error
    issues.push({ code: 'custom', input, message, path: [...path] })
    return z.NEVER
  }
})

type Path = readonly (string | number)[]
type Item = Record<string, unknown>

class WrongItem extends Error {
  constructor(
    readonly path: Path,
    why: string,
  ) {
    super(why)
  }
}

/** Fields of each item that count, and those that clients send back from a response. */
const FIELDS: Record<string, string[]> = {
  message: ['type', 'role', 'content', 'id', 'status', 'phase', 'name'],
  function_call: ['type', 'call_id', 'name', 'arguments', 'id', 'status', 'parsed_arguments'],
  function_call_output: ['type', 'call_id', 'output', 'id', 'status', 'name'],
  reasoning: ['type', 'summary', 'content', 'id', 'status', 'encrypted_content'],
}
const PART_FIELDS = ['type', 'text', 'refusal', 'annotations', 'logprobs', 'parsed']
const TEXTS: unknown[] = ['input_text', 'output_text', 'text', 'summary_text', 'reasoning_text']
const ROLES: unknown[] = ['user', 'assistant', 'system', 'developer']

function messagesOf(input: unknown): ChatMessage[] {
  if (input === undefined) throw new WrongItem([], 'is missing')
  if (typeof input === 'string') return [{ role: 'user', content: input }]
  if (!Array.isArray(input)) throw new WrongItem([], 'must be a text or a list of items')
  if (input.length === 0) throw new WrongItem([], 'must have an item in it')
  const turns = new Turns()
  for (const [i, item] of input.entries()) turns.add(item, [i])
  return turns.end()
}

/** Joins the items of an answer, which are thoughts, a text and calls, to one message. */
class Turns {
  private readonly messages: ChatMessage[] = []
  /** The answer whose items come. */
  private answer: { thinking?: string; content?: string; toolCalls: ToolCall[] } = { toolCalls: [] }
  private argumentLength = 0

  add(item: unknown, at: Path): void {
    if (!isObject(item)) throw new WrongItem(at, 'must be an object')
    const type = typeOf(item, at)
    const unknown = Object.keys(item).find((key) => !FIELDS[type].includes(key))
    if (unknown !== undefined) throw new WrongItem([...at, unknown], 'is not supported')
    if (type === 'function_call') this.addCall(item, at)
    else if (type === 'reasoning') this.addThoughts(item, at)
    else if (type === 'function_call_output') this.addResult(item, at)
    else this.addMessage(item, at)
  }

  end(): ChatMessage[] {
    const { thinking, content, toolCalls } = this.answer
    // Thoughts without anything that followed from them say nothing.
    if (content !== undefined || toolCalls.length > 0) {
      const rest = { ...(thinking && { thinking }), ...(toolCalls.length > 0 && { toolCalls }) }
      this.messages.push({ role: 'assistant', content: content ?? '', ...rest })
    }
    this.answer = { toolCalls: [] }
    return this.messages
  }

  private addMessage(item: Item, at: Path): void {
    const { role } = item
    if (!ROLES.includes(role))
      throw new WrongItem([...at, 'role'], `must be ${ROLES.join(', ').replace(/, (\w+)$/, ' or $1')}`)
    const content = textOf(item.content, [...at, 'content'])
    if (role !== 'assistant') {
      this.end()
      this.messages.push({ role: role === 'developer' ? 'system' : (role as string), content })
    } else {
      if (this.answer.content !== undefined || this.answer.toolCalls.length > 0) this.end()
      this.answer.content = content
    }
  }

  private addThoughts({ summary, content }: Item, at: Path): void {
    if (this.answer.content !== undefined || this.answer.toolCalls.length > 0) this.end()
    const isWhole = content !== undefined && !(Array.isArray(content) && content.length === 0)
    const text = textOf((isWhole ? content : summary) ?? '', [...at, isWhole ? 'content' : 'summary'])
    this.answer.thinking = [this.answer.thinking, text].filter(Boolean).join('\n')
  }

  private addCall({ call_id, name, arguments: json }: Item, at: Path): void {
    const text = wordOf(json, [...at, 'arguments'], '')
    this.argumentLength += text.length
    if (this.argumentLength > MOST_ARGUMENTS) throw new WrongItem([], TOO_LONG_ARGUMENTS)
    this.answer.toolCalls.push({
      id: wordOf(call_id, [...at, 'call_id']),
      name: wordOf(name, [...at, 'name']),
      arguments: argumentsOf(text, [...at, 'arguments']),
    })
  }

  private addResult({ call_id, output }: Item, at: Path): void {
    this.end()
    const toolCallId = wordOf(call_id, [...at, 'call_id'])
    this.messages.push({ role: 'tool', content: textOf(output, [...at, 'output']), toolCallId })
  }
}

function typeOf({ type, role }: Item, at: Path): string {
  const name = type ?? (role === undefined ? undefined : 'message')
  if (typeof name === 'string' && Object.hasOwn(FIELDS, name)) return name
  const place = [...at, 'type']
  if (name === undefined) throw new WrongItem(place, 'is missing')
  if (name === 'item_reference') {
    throw new WrongItem(
      place,
      'names a stored item, but nothing is stored; send the item itself ("store": false in most clients)',
    )
  }
  throw new WrongItem(
    place,
    `must be ${Object.keys(FIELDS)
      .join(', ')
      .replace(/, (\w+)$/, ' or $1')}; nothing else is supported`,
  )
}

/** A text, or the texts of its parts joined. */
function textOf(content: unknown, at: Path): string {
  if (typeof content === 'string') return content
  if (content === undefined) throw new WrongItem(at, 'is missing')
  if (!Array.isArray(content)) throw new WrongItem(at, 'must be a text or a list of parts')
  return content.map((part, i) => partOf(part, [...at, i])).join('')
}

function partOf(part: unknown, at: Path): string {
  if (!isObject(part)) throw new WrongItem(at, 'must be an object')
  const unknown = Object.keys(part).find((key) => !PART_FIELDS.includes(key))
  if (part.type === 'refusal') return wordOf(part.refusal, [...at, 'refusal'], '')
  if (!TEXTS.includes(part.type)) {
    throw new WrongItem(
      [...at, 'type'],
      part.type === undefined ? 'is missing' : 'must be a part of text; nothing else is supported',
    )
  }
  if (unknown !== undefined) throw new WrongItem([...at, unknown], 'is not supported')
  return wordOf(part.text, [...at, 'text'], '')
}

/** A text. One that is empty is wrong, unless `empty` is given. */
function wordOf(value: unknown, at: Path, empty?: ''): string {
  if (typeof value === 'string' && (value !== '' || empty === '')) return value
  throw new WrongItem(
    at,
    value === undefined ? 'is missing' : `must be a text${empty === '' ? '' : ' that is not empty'}`,
  )
}

/** Parses arguments. Some clients write no arguments as an empty text. */
function argumentsOf(json: string, at: Path): Record<string, unknown> {
  if (json.trim() === '') return {}
  try {
    return parseJsonObject(new TextEncoder().encode(json), '')
  } catch (error) {
    throw error instanceof UserError ? new WrongItem(at, 'must be a text that is a JSON object') : error
  }
}
