import type { ChatMessage, ToolCall } from '../../../api/text.js'
import { isText, isWord, oneOf } from '../../../ground/json/forms.js'
import type { JsonReader } from '../../../ground/json/reader.js'
import { argumentsIn } from '../../../text/read-messages.js'
import { fieldReadBy, MOST_ARGUMENTS, namesWithin, orList, TOO_LONG_ARGUMENTS } from '../conversation.js'

/** Fields of each item. */
const FIELDS: Record<string, string[]> = {
  message: ['role', 'content'],
  function_call: ['call_id', 'name', 'namespace', 'arguments'],
  function_call_output: ['call_id', 'output'],
  reasoning: ['summary', 'content'],
}
/** Fields of a response that clients send back, and labels. */
const IGNORED: Record<string, string[]> = {
  message: ['phase', 'name'],
  function_call: ['parsed_arguments'],
  function_call_output: ['name'],
  reasoning: ['encrypted_content'],
}
const IGNORED_BY_ALL = ['id', 'status']
const IGNORED_IN_PARTS = ['annotations', 'logprobs', 'parsed']

const ALL_IGNORED = [...IGNORED_BY_ALL, ...namesWithin({ ...IGNORED, 'content[]': IGNORED_IN_PARTS })]

/** A text, or items of a conversation. */
export const inputField = fieldReadBy(ALL_IGNORED, messagesOf)

const TEXTS: unknown[] = ['input_text', 'output_text', 'text', 'summary_text', 'reasoning_text']
const ROLES = ['user', 'assistant', 'system', 'developer']

function messagesOf(input: JsonReader): ChatMessage[] {
  if (typeof input.value === 'string') return [{ role: 'user', content: input.value }]
  const items = listOf(input, 'items')
  if (items.length === 0) throw input.error('must have an item in it')
  const turns = new Turns(input)
  for (const item of items) turns.add(item)
  return turns.end()
}

/** The model's name for a function of a namespace. */
export const nameWithin = (namespace: string, name: string) => `${namespace}__${name}`

/** Joins the items of an answer, which are thoughts, a text and calls, to one message. */
class Turns {
  private readonly messages: ChatMessage[] = []
  /** The answer whose items come. */
  private answer: { thinking?: string; content?: string; toolCalls: ToolCall[] } = { toolCalls: [] }
  private argumentLength = 0

  constructor(private readonly input: JsonReader) {}

  add(item: JsonReader): void {
    const type = typeOf(item)
    item.refuseUnknown(['type', ...FIELDS[type], ...IGNORED[type], ...IGNORED_BY_ALL])
    if (type === 'function_call') this.addCall(item)
    else if (type === 'reasoning') this.addThoughts(item)
    else if (type === 'function_call_output') this.addResult(item)
    else this.addMessage(item)
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

  private addMessage(item: JsonReader): void {
    const role = item.in('role').as(oneOf(ROLES), orList(ROLES))
    const content = textOf(item.in('content'))
    if (role !== 'assistant') {
      this.end()
      this.messages.push({ role: role === 'developer' ? 'system' : role, content })
    } else {
      if (this.answer.content !== undefined || this.answer.toolCalls.length > 0) this.end()
      this.answer.content = content
    }
  }

  private addThoughts(item: JsonReader): void {
    if (this.answer.content !== undefined || this.answer.toolCalls.length > 0) this.end()
    const { value } = item.in('content')
    const isWhole = value !== undefined && !(Array.isArray(value) && value.length === 0)
    const field = item.in(isWhole ? 'content' : 'summary')
    const text = field.isGiven ? textOf(field) : ''
    this.answer.thinking = [this.answer.thinking, text].filter(Boolean).join('\n')
  }

  private addCall(item: JsonReader): void {
    const json = item.in('arguments')
    this.argumentLength += json.given(isText, 'a text').length
    if (this.argumentLength > MOST_ARGUMENTS) throw this.input.error(TOO_LONG_ARGUMENTS)
    const [id, name] = [wordOf(item.in('call_id')), wordOf(item.in('name'))]
    const space = item.in('namespace').isGiven ? wordOf(item.in('namespace')) : undefined
    const called = space === undefined ? name : nameWithin(space, name)
    this.answer.toolCalls.push({ id, name: called, arguments: argumentsIn(json) })
  }

  private addResult(item: JsonReader): void {
    this.end()
    const toolCallId = wordOf(item.in('call_id'))
    this.messages.push({ role: 'tool', content: textOf(item.in('output')), toolCallId })
  }
}

function typeOf(item: JsonReader): string {
  const type = item.in('type')
  const name = type.value ?? (item.in('role').value === undefined ? undefined : 'message')
  if (typeof name === 'string' && Object.hasOwn(FIELDS, name)) return name
  if (name === undefined) throw type.error('is missing')
  if (name === 'item_reference') {
    throw type.error(
      'names a stored item, but nothing is stored; send the item itself ("store": false in most clients)',
    )
  }
  throw type.error(`must be ${orList(Object.keys(FIELDS))}; nothing else is supported`)
}

/** A text, or the texts of its parts joined. */
function textOf(content: JsonReader): string {
  if (typeof content.value === 'string') return content.value
  return listOf(content, 'parts').map(partOf).join('')
}

function partOf(part: JsonReader): string {
  if (part.in('type').value === 'refusal') return part.in('refusal').given(isText, 'a text')
  part.in('type').given(oneOf(TEXTS), 'a part of text; nothing else is supported')
  part.refuseUnknown(['type', 'text', 'refusal', ...IGNORED_IN_PARTS])
  return part.in('text').given(isText, 'a text')
}

function listOf(list: JsonReader, of: string): JsonReader[] {
  if (!list.isGiven) throw list.error('is missing')
  return list.items(`a text or a list of ${of}`)
}

function wordOf(text: JsonReader): string {
  return text.given(isWord, 'a text that is not empty')
}
