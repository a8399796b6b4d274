import { conversationJson, readConversationJson } from '../../chat/conversations/export-json.js'
import { conversationMarkdown } from '../../chat/conversations/export-markdown.js'
import {
  answerMessages,
  IMPORTED,
  type KeptAnswer,
  type KeptBody,
  type KeptExchange,
  type KeptHead,
  pathOf,
  titleOf,
} from '../answers/kept-form.js'
import { create } from '../elements/elements.js'
import type { Message } from '../requests/api.js'

/** Maximum bytes of a file to import. */
const MOST_BYTES = 32 * 2 ** 20

/** A conversation as the JSON that `molm run --messages` and `molm chat --messages` read. */
export function jsonOf(body: KeptBody): string {
  return `${JSON.stringify(messagesOf(body), null, 2)}\n`
}

export function markdownOf(body: KeptBody, { changed, ...head }: KeptHead): string {
  const state = readConversationJson(new TextEncoder().encode(jsonOf(body)), 'the conversation')
  return conversationMarkdown({ ...state, model: head.model }, { title: titleOf(head), created: new Date(changed) })
}

/** Reads a file of messages in OpenAI's form. Rejects if it is something else. */
export async function readFile(file: File): Promise<KeptBody> {
  if (file.size > MOST_BYTES) throw new Error(`${file.name} has more than ${MOST_BYTES / 2 ** 20} MiB`)
  const state = readConversationJson(new Uint8Array(await file.arrayBuffer()), file.name)
  const messages = JSON.parse(conversationJson({ ...state, system: '', model: '' })) as Message[]
  const exchanges = exchangesOf(messages)
  return { exchanges, last: exchanges.length - 1, settings: { system: state.system } }
}

/** Saves a text as a file of the browser's downloads. */
export function save(name: string, type: string, text: string): void {
  const link = create('a')
  const address = URL.createObjectURL(new Blob([text], { type }))
  link.href = address
  link.download = name
  link.click()
  setTimeout(() => URL.revokeObjectURL(address), 60_000)
}

/** Name for a conversation's file, without its ending. */
export function fileName(title: string): string {
  const name = title.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, '-')
  return name.replace(/^-|-$/g, '').slice(0, 60) || 'conversation'
}

/** The messages of the branch that is shown, the system prompt first. */
function messagesOf(body: KeptBody): Message[] {
  const { system = '' } = body.settings
  const messages = pathOf(body).flatMap(({ said, answer }) => [...said, ...answerMessages(answer)])
  return system.trim() === '' ? messages : [{ role: 'system', content: system.trim() }, ...messages]
}

/** Divides messages into questions with their answers. */
function exchangesOf(messages: readonly Message[]): KeptExchange[] {
  const exchanges: KeptExchange[] = []
  let said: Message[] = []
  const add = (answer: KeptAnswer) => {
    exchanges.push({ parent: exchanges.length - 1, said, answer })
    said = []
  }
  for (const message of messages) {
    if (message.role === 'assistant') add(answerOf(message))
    else said.push(message)
  }
  if (said.length > 0) add({ ...answerOf(), note: 'not answered', end: 'cut' })
  return exchanges
}

function answerOf({ content = '', reasoning_content = '', tool_calls = [] }: Partial<Message> = {}): KeptAnswer {
  return {
    model: IMPORTED,
    content,
    thinking: reasoning_content,
    thought: { tokens: 0, seconds: 0 },
    calls: tool_calls.map(({ id, function: call }) => ({ id, ...call })),
    notation: { text: '', tokens: 0 },
    isJson: false,
    note: '',
    warnings: [],
    end: 'whole',
  }
}
