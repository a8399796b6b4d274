import { randomUUID } from 'node:crypto'
import { stat } from 'node:fs/promises'
import { basename, dirname, extname, join } from 'node:path'
import { readSmallFile } from '../../checkpoint/small-file.js'
import { conversationJson, readConversationJson } from '../../conversations/export-json.js'
import { conversationMarkdown } from '../../conversations/export-markdown.js'
import { UsageError, UserError } from '../../errors.js'
import { writeAtomically } from '../../files/write-atomically.js'
import { MOST_JSON_BYTES } from '../../json.js'
import { plural } from '../../numbers.js'
import { pathOf } from '../input/file-names.js'
import type { Chat } from './chat.js'

/** Saves the turns: as Markdown, or as JSON, which `load` reads. */
export async function save(chat: Chat, argument: string, replaces: boolean): Promise<void> {
  const path = fileOf(argument, '/save talk.md')
  const ending = extname(path).toLowerCase()
  if (ending !== '.md' && ending !== '.json') throw new UsageError('/save takes a name that ends with .md or .json')
  const { messages, system } = chat.conversation
  if (messages.length === 0) throw new UsageError('there are no turns yet')
  if (!replaces && (await isThere(path))) throw new UserError(`${path} exists already; /save! replaces it`)
  const state = { messages, system, model: chat.model.name }
  const text = ending === '.md' ? conversationMarkdown(state, titleOf(chat)) : conversationJson(state)
  const partial = join(dirname(path), `.${basename(path)}.${randomUUID()}.partial`)
  await writeAtomically(path, [text], { partial, mode: 0o600 })
  chat.say('note', `saved in ${path}`)
}

/** Continues a saved conversation, as a new one. */
export async function load(chat: Chat, argument: string): Promise<void> {
  const path = fileOf(argument, '/load talk.json')
  if (extname(path) === '.md') throw new UsageError(`${path}: Markdown cannot be loaded; /save talk.json can`)
  const bytes = await readSmallFile(path, MOST_JSON_BYTES)
  if (!bytes) throw new UserError(`${path}: there is no such file`)
  const state = readConversationJson(bytes, path)
  await chat.keeper.leave(chat.conversation)
  chat.restore(state)
  chat.say('note', `loaded ${path}: ${plural(state.messages.length, 'message')}`)
  const hasCalls = state.messages.some(({ toolCalls = [] }) => toolCalls.length > 0)
  if (hasCalls && chat.answers.tools.available.length === 0) {
    chat.say('note', 'this conversation had tools, and the chat has none: molm chat --mcp adds some')
  }
}

function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  )
}

function titleOf({ keeper, conversation }: Chat): { title: string; created: Date } {
  const question = conversation.messages.find(({ role }) => role === 'user')?.content ?? ''
  const title = keeper.current?.name ?? question.trim().split('\n')[0].slice(0, MOST_TITLE)
  return { title: title === '' ? 'Conversation' : title, created: new Date() }
}

/** Characters of a question that become a title. */
const MOST_TITLE = 60

function fileOf(argument: string, example: string): string {
  if (argument === '') throw new UsageError(`name a file: ${example}`)
  return pathOf(argument)
}
