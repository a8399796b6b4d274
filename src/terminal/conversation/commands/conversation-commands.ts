import { existsSync } from 'node:fs'
import { extname } from 'node:path'
import type { ConversationInfo } from '../../../chat/conversations/conversation-info.js'
import type { KeptMask } from '../../../chat/conversations/conversation-state.js'
import type { Conversations } from '../../../chat/conversations/conversations.js'
import { conversationJson, readConversationJson } from '../../../chat/conversations/export-json.js'
import { conversationMarkdown } from '../../../chat/conversations/export-markdown.js'
import type { KeptConversation } from '../../../chat/conversations/kept-conversation.js'
import { readKeptMask } from '../../../chat/conversations/kept-mask.js'
import { UsageError, UserError } from '../../../ground/errors.js'
import { readSmallFile } from '../../../ground/files/small-file.js'
import { writeAtomically } from '../../../ground/files/write-atomically.js'
import { MOST_JSON_BYTES } from '../../../ground/json/json.js'
import { formatElapsed, plural } from '../../../ground/numbers.js'
import { cellWidth, fit, harmless, widestOf } from '../../../ground/output/cell-width.js'
import { modelWord } from '../../../library/finding/model-words.js'
import { nameOfPath } from '../../../library/folders/model-folders.js'
import { pathOf } from '../../input/files.js'
import { showFewAnswers } from '../answers/read-again.js'
import type { Chat } from '../chat-state.js'
import { conversationPage } from './conversation-page.js'

const MOST_LISTED = 20
/** Columns of a line if the window is not known. */
const WIDTH = 79

export const CONVERSATION_ACTIONS = {
  list: (chat: Chat) => chat.work(() => list(chat)),
  async resume(chat: Chat, argument: string): Promise<void> {
    if (argument === '') throw new UsageError('name a conversation: /resume NAME, or /resume NUMBER as in /list')
    await chat.work(async () => {
      await chat.keeper.settled()
      const info = await named(chat, argument)
      if (info.id === chat.keeper.current?.id) return chat.say('note', 'this is the current conversation')
      const kept = await folderOf(chat).open(info)
      await chat.keeper.leave(chat.conversation)
      await resumeKept(chat, kept)
    })
    await showFewAnswers(chat)
  },
  rename: (chat: Chat, argument: string) => chat.work(() => rename(chat, argument)),
  save: (chat: Chat, argument: string) => chat.work(() => save(chat, argument, false)),
  'save!': (chat: Chat, argument: string) => chat.work(() => save(chat, argument, true)),
  async load(chat: Chat, argument: string): Promise<void> {
    await chat.work(() => load(chat, argument))
    await showFewAnswers(chat)
  },
  async history(chat: Chat, argument: string): Promise<void> {
    if (argument !== 'off') throw new UsageError('the only form is /history off')
    chat.options.history.path = undefined
    await chat.work(() => chat.keeper.settled())
    const { current } = chat.keeper
    await chat.work(() => chat.keeper.stop())
    const rest = current ? `; the turns so far stay in ${nameOf(current)}` : ''
    chat.say('note', `nothing of this chat is kept from now on${rest}`)
  },
}

async function list(chat: Chat): Promise<void> {
  await chat.keeper.settled()
  const infos = await latest(chat)
  if (infos.length === 0) return chat.say('note', 'no conversation is kept yet')
  const width = chat.terminal ? chat.terminal.size.columns - 1 : WIDTH
  const lines = listLines(infos, { current: chat.keeper.current?.id, width, most: MOST_LISTED })
  chat.say('note', [...lines, '/resume NUMBER continues one'].join('\n'))
}

async function rename(chat: Chat, name: string): Promise<void> {
  folderOf(chat)
  if (name === '') throw new UsageError('give a name: /rename holidays')
  await chat.keeper.settled()
  const { current } = chat.keeper
  if (!current) throw new UsageError('nothing is kept yet: ask something first')
  await chat.keeper.rename(name)
  chat.say('note', `this conversation is ${nameOf(current)} now`)
}

/**
 * Continues a kept conversation that is open, and shows its last turns. The one before must have been left. Another system
 * text takes the place of the conversation's, and the chat's own mask stays if `keepsMask`.
 */
export async function resumeKept(
  chat: Chat,
  kept: KeptConversation,
  { system = kept.state.system, keepsMask = false }: { system?: string; keepsMask?: boolean } = {},
): Promise<void> {
  const { messages, model, mask } = kept.state
  const { copyReason } = kept
  const other = model === modelWord(chat.model) ? '' : `; it was with ${harmless(nameOfPath(model))}`
  const copied = copyReason === undefined ? 'resumed' : 'a copy of'
  chat.say('note', `${copied} ${nameOf(kept)}: ${plural(messages.length, 'message')}${other}`)
  if (copyReason !== undefined) chat.say('note', `what follows is not added to it: ${copyReason}`)
  if (!keepsMask) restoreMask(chat, mask)
  chat.restore({ messages, system })
  if (messages.at(-1)?.role === 'user') chat.say('note', 'this question has no answer yet: /retry answers it')
  await chat.keeper.take(kept, chat.conversation)
}

/** Gives a chat the mask of the conversation that it continues, and says so if there is or was one. */
export function restoreMask(chat: Chat, kept?: KeptMask): void {
  const { mask: before } = chat.conversation
  const { mask, sentence = before && 'all experts are on in this conversation' } = readKeptMask(kept, chat.model)
  if (before || mask) chat.setMask(mask)
  if (sentence !== undefined) chat.say('note', sentence)
}

/** The name of a kept conversation, else its id; safe to print. */
export function nameOf({ name, id }: Pick<KeptConversation, 'name' | 'id'>): string {
  return harmless(name ?? id)
}

/** The conversation of a number in /list, or of a name. */
async function named(chat: Chat, typed: string): Promise<ConversationInfo> {
  const number = /^\d{1,3}$/.test(typed) ? Number(typed) : 0
  const listed = number > 0 ? (chat.keeper.listed ?? (await latest(chat)))[number - 1] : undefined
  return listed ?? folderOf(chat).find(typed, '/list')
}

/** The kept conversations, the latest first. Files that cannot be read are named in notes. */
async function latest(chat: Chat): Promise<readonly ConversationInfo[]> {
  const infos = await folderOf(chat).list((reason) => chat.say('note', reason))
  chat.keeper.listed = infos
  return infos
}

function folderOf({ keeper }: Chat): Conversations {
  if (keeper.conversations) return keeper.conversations
  throw new UsageError('this chat keeps no conversations (--no-history, MOLM_HISTORY=0 or /history off)')
}

/** Seconds after which the age of a conversation is a date. */
const DAY = 24 * 60 * 60
/** Columns between a title and what follows it. */
const GAP = 2

/** The latest `most` conversations as numbered lines of at most `width` columns, the current one with a sign. */
export function listLines(
  infos: readonly ConversationInfo[],
  { current, width, most, now = new Date() }: { current?: string; width: number; most: number; now?: Date },
): string[] {
  const shown = infos.slice(0, most)
  const rows = shown.map((info, i) => {
    const mark = info.id === current ? '›' : ' '
    const start = `${mark} ${`${i + 1}`.padStart(`${shown.length}`.length)}  `
    return { start, title: info.title, messages: `${info.messages}`, age: ageOf(info.changed, now) }
  })
  const widest = (key: 'title' | 'messages' | 'age') => widestOf(rows.map((row) => row[key]))
  const [counts, ages] = [widest('messages'), widest('age')]
  const lines = rows.map(({ start, title, messages, age }) => {
    const end = `${messages.padStart(counts)} messages  ${age.padEnd(ages)}`
    const room = Math.min(widest('title'), Math.max(1, width - start.length - GAP - end.length))
    const cut = fit(title, room)
    return fit(`${start}${cut}${' '.repeat(room - cellWidth(cut) + GAP)}${end}`, width).trimEnd()
  })
  const others = infos.length - shown.length
  return others > 0 ? [...lines, `... ${others} more: molm chat --list`] : lines
}

function ageOf(date: Date, now: Date): string {
  const seconds = Math.max(0, (Number(now) - Number(date)) / 1000)
  return seconds < DAY ? `${formatElapsed(seconds)} ago` : date.toISOString().slice(0, 10)
}

const ENDINGS = ['.md', '.json', '.html']

/** Saves the turns: as Markdown, as JSON, which `load` reads, or as a page that plays them with their experts. */
async function save(chat: Chat, argument: string, replaces: boolean): Promise<void> {
  const path = fileOf(argument, '/save talk.md')
  const ending = extname(path).toLowerCase()
  if (!ENDINGS.includes(ending)) throw new UsageError('/save takes a name that ends with .md, .json or .html')
  const { messages, parts } = chat.conversation
  if (messages.length === 0) throw new UsageError('there are no turns yet')
  if (!replaces && existsSync(path)) throw new UserError(`${path} exists already; /save! replaces it`)
  const state = { messages, system: parts.system, model: chat.model.name }
  const heading = titleOf(chat)
  const markdownOrPage = () =>
    ending === '.md' ? conversationMarkdown(state, heading) : conversationPage(chat, heading.title)
  const text = ending === '.json' ? conversationJson(state) : await markdownOrPage()
  await writeAtomically(path, [text], { mode: 0o600 })
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
  if (hasCalls && chat.tools().length === 0) {
    chat.say('note', 'this conversation had tools, and the chat has none: molm chat --mcp adds some')
  }
}

function titleOf({ keeper, conversation }: Chat): { title: string; created: Date } {
  const question = conversation.messages.find(({ role }) => role === 'user')?.content ?? ''
  const title = keeper.current?.name ?? question.trim().split('\n')[0].slice(0, MOST_TITLE)
  return { title: title === '' ? 'Conversation' : title, created: new Date() }
}

const MOST_TITLE = 60

function fileOf(argument: string, example: string): string {
  if (argument === '') throw new UsageError(`name a file: ${example}`)
  return pathOf(argument)
}
