import { randomUUID } from 'node:crypto'
import { basename, dirname, extname, join } from 'node:path'
import { readSmallFile } from '../../checkpoint/small-file.js'
import { conversationJson, readConversationJson } from '../../conversations/export-json.js'
import { conversationMarkdown } from '../../conversations/export-markdown.js'
import { UsageError, UserError } from '../../errors.js'
import { writeAtomically } from '../../files/write-atomically.js'
import { MOST_JSON_BYTES } from '../../json.js'
import { pathOf } from '../input/file-names.js'
import type { Chat } from './chat.js'
import { maskKey } from './masks.js'
import {
  checkConversation,
  isThere,
  type LoadedConversation,
  loadConversation,
  saveConversation,
} from './saved-conversation.js'

/** Saves the conversation: as text if the name ends with .md or .json, else with its cache. */
export function save(chat: Chat, argument: string, replaces: boolean): Promise<void> {
  return isText(fileOf(argument, '/save talk.md'))
    ? exportText(chat, argument, replaces)
    : saveWhole(chat, argument, replaces)
}

/** Saves the conversation as text. */
export async function exportConversation(chat: Chat, argument: string, replaces: boolean): Promise<void> {
  if (!isText(fileOf(argument, '/export talk.md')))
    throw new UsageError('/export takes a name that ends with .md or .json')
  await exportText(chat, argument, replaces)
}

/** Rejects with a UserError if the file is not a conversation that `load` takes. Needs no model. */
export async function checkSaved(path: string): Promise<void> {
  if (isText(path)) await loadText(path)
  else await checkConversation(path)
}

/** Continues a saved conversation, as a new one. */
export async function load(chat: Chat, argument: string): Promise<void> {
  const path = fileOf(argument, '/load talk.json')
  const { otherModel, ...state } = isText(path) ? await loadText(path) : await loadConversation(path, chat.model)
  await chat.keeper.leave(chat.conversation)
  await chat.restore(state)
  chat.say('note', `loaded ${path}${cacheNote(chat, state, otherModel)}`)
  const hasCalls = state.messages.some(({ toolCalls = [] }) => toolCalls.length > 0)
  if (hasCalls && chat.answers.tools.available.length === 0) {
    chat.say('note', 'this conversation had tools, and the chat has none: molm chat --mcp adds some')
  }
}

function cacheNote(chat: Chat, { saved, masked }: LoadedConversation, otherModel?: string): string {
  const isOtherMask = saved !== undefined && masked !== maskKey(chat.conversation.mask)
  const origin = otherModel ?? (isOtherMask ? 'other experts switched off' : undefined)
  if (origin !== undefined) return `: saved with ${origin}: the turns will be read again with your next message`
  return saved ? `: ${chat.contextLength} tokens in the cache` : ''
}

async function loadText(path: string): Promise<LoadedConversation> {
  if (extname(path) === '.md') throw new UsageError(`${path}: Markdown cannot be loaded; /save talk.json can`)
  const bytes = await readSmallFile(path, MOST_JSON_BYTES)
  if (!bytes) throw new UserError(`${path}: there is no such file`)
  const { messages, system } = readConversationJson(bytes, path)
  return { messages: [...messages], system }
}

function isText(path: string): boolean {
  return ['.md', '.json'].includes(extname(path).toLowerCase())
}

async function exportText(chat: Chat, argument: string, replaces: boolean): Promise<void> {
  const path = pathOf(argument)
  const { messages, system } = chat.conversation
  if (messages.length === 0) throw new UsageError('there are no turns yet')
  if (!replaces && (await isThere(path))) throw new UserError(`${path} exists already; /export! or /save! replaces it`)
  const state = { messages, system, model: chat.model.name }
  const text =
    extname(path).toLowerCase() === '.md' ? conversationMarkdown(state, titleOf(chat)) : conversationJson(state)
  const partial = join(dirname(path), `.${basename(path)}.${randomUUID()}.partial`)
  await writeAtomically(path, [text], { partial, mode: 0o600 })
  chat.say('note', `saved in ${path}`)
}

function titleOf({ keeper, conversation }: Chat): { title: string; created: Date } {
  const question = conversation.messages.find(({ role }) => role === 'user')?.content ?? ''
  const title = keeper.current?.name ?? question.trim().split('\n')[0].slice(0, MOST_TITLE)
  return { title: title === '' ? 'Conversation' : title, created: new Date() }
}

/** Characters of a question that become a title. */
const MOST_TITLE = 60

async function saveWhole(chat: Chat, argument: string, replaces: boolean): Promise<void> {
  const path = pathOf(argument)
  await saveConversation(path, await chat.conversation.save(), chat.model, { replaces })
  chat.say('note', `saved in ${path}`)
}

function fileOf(argument: string, example: string): string {
  if (argument === '') throw new UsageError(`name a file: ${example}`)
  return pathOf(argument)
}
