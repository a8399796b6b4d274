import type { ChatMessage, ToolCall } from '../../../api/text.js'
import { isText, isWord, oneOf } from '../../../ground/json/forms.js'
import { isObject } from '../../../ground/json/json.js'
import type { JsonReader } from '../../../ground/json/reader.js'
import { fieldReadBy, MOST_ARGUMENTS, namesWithin, orList, TOO_LONG_ARGUMENTS } from '../conversation.js'

/* Anthropic's messages: a text, or blocks of texts, thoughts, calls and results. */

/** Fields of each block. */
const FIELDS: Record<string, string[]> = {
  text: ['text'],
  thinking: ['thinking'],
  redacted_thinking: [],
  tool_use: ['id', 'name', 'input'],
  tool_result: ['tool_use_id', 'content', 'is_error'],
}
/** Fields of blocks and messages that change nothing here: caches, and what a response has. */
const IGNORED: Record<string, string[]> = {
  text: ['citations'],
  thinking: ['signature'],
  redacted_thinking: ['data'],
  tool_use: ['caller'],
  tool_result: [],
}
const IGNORED_IN_MESSAGES = ['id', 'type', 'model', 'stop_reason', 'stop_sequence', 'usage']
const IGNORED_IN_BLOCKS = ['cache_control', ...namesWithin(IGNORED)].map((name) => `content[].${name}`)
const ALLOWED: Record<string, string[]> = {
  system: ['text'],
  user: ['text', 'tool_result'],
  assistant: ['text', 'thinking', 'redacted_thinking', 'tool_use'],
}
const ROLES = ['user', 'assistant', 'system']

export const messagesField = fieldReadBy([...IGNORED_IN_MESSAGES, ...IGNORED_IN_BLOCKS], (input) => {
  const list = input.given(Array.isArray, 'a list of messages') && input.items('a list of messages')
  if (list.length === 0) throw input.error('must have a message in it')
  const messages = joined(list.flatMap(messagesOf))
  const length = messages.flatMap(({ toolCalls = [] }) => toolCalls).reduce((sum, call) => sum + lengthOf(call), 0)
  if (length > MOST_ARGUMENTS) throw input.error(TOO_LONG_ARGUMENTS)
  return messages
})

/** A system text, which may have blocks. Nothing but a text is a system message. */
export const systemField = fieldReadBy(['cache_control', 'citations'], (input) => {
  const content = textOf(input, 'system')
  return content === '' ? [] : [{ role: 'system', content }]
})

/** A message; the results in it are messages before it. */
function messagesOf(message: JsonReader): ChatMessage[] {
  message.refuseUnknown(['role', 'content', ...IGNORED_IN_MESSAGES])
  const role = message.in('role').given(oneOf(ROLES), orList(ROLES))
  const content = message.in('content')
  if (role === 'system' || typeof content.value === 'string') return [{ role, content: textOf(content, role) }]
  const blocks = blocksOf(content, role)
  const ofType = (type: string) => blocks.filter((block) => block.in('type').value === type)
  const texts = ofType('text').map((block) => block.in('text').given(isText, 'a text'))
  const results = ofType('tool_result').map(resultOf)
  if (role === 'user' && texts.length === 0 && results.length > 0) return results
  const thinking = ofType('thinking').map((block) => block.in('thinking').given(isText, 'a text'))
  const toolCalls = ofType('tool_use').map(callOf)
  const parts = {
    ...(thinking.length > 0 && { thinking: thinking.join('\n') }),
    ...(toolCalls.length > 0 && { toolCalls }),
  }
  return [...results, { role, content: texts.join('\n'), ...parts }]
}

function callOf(block: JsonReader): ToolCall {
  const [id, name] = ['id', 'name'].map((key) => block.in(key).given(isWord, 'a text that is not empty'))
  return { id, name, arguments: block.in('input').given(isObject, 'an object') }
}

function resultOf(block: JsonReader): ChatMessage {
  const toolCallId = block.in('tool_use_id').given(isWord, 'a text that is not empty')
  const content = block.in('content').isGiven ? textOf(block.in('content'), 'system') : ''
  // Templates have no field for it.
  return { role: 'tool', content: block.in('is_error').value === true ? `Error: ${content}` : content, toolCallId }
}

function blocksOf(content: JsonReader, role: string): JsonReader[] {
  if (!content.isGiven) throw content.error('is missing')
  return content.items('a text or a list of blocks').map((block) => {
    const type = block.in('type')
    const types = ALLOWED[role]
    type.given(oneOf(types), `${orList(types)}; molm reads no images and no documents`)
    const of = String(type.value)
    block.refuseUnknown(['type', 'cache_control', ...FIELDS[of], ...IGNORED[of]])
    return block
  })
}

/** A text, or the lines of its blocks. */
function textOf(content: JsonReader, role: string): string {
  if (typeof content.value === 'string') return content.value
  const texts = blocksOf(content, role).map((block) => block.in('text').given(isText, 'a text'))
  return texts.join('\n')
}

/** Neighbouring messages of a user or of the model count as one. */
function joined(messages: readonly ChatMessage[]): ChatMessage[] {
  const all: ChatMessage[] = []
  for (const message of messages) {
    const last = all.at(-1)
    const isMore =
      last?.role === message.role && (message.role === 'user' || (message.role === 'assistant' && !last.toolCalls))
    if (!isMore) all.push(message)
    else
      all[all.length - 1] = { ...last, ...message, content: [last.content, message.content].filter(Boolean).join('\n') }
  }
  return all
}

const lengthOf = (call: ToolCall) => JSON.stringify(call.arguments).length
