import { join } from 'node:path'
import { Conversations } from '#molm/chat/conversations/conversations.js'
import { loadModel, type Model, type Tool } from '#molm/index.js'
import type { Chat } from '#molm/terminal/conversation/chat-state.js'
import { press } from '#molm/terminal/conversation/commands/keys.js'
import type { KeyName } from '#molm/terminal/input/keys.js'
import { statusLine } from '#molm/terminal/screen/live-lines.js'
import { ShownChat } from '../support/chats.js'
import { chatWith, enter } from '../support/real-chat.js'
import { inTemporaryFolder } from '../support/temporary-folder.js'
import { until } from '../support/until.js'
import { writeInputs } from './inputs.js'
import { normalisePrinted } from './printed.js'

/*
 * The record of a chat. A line of it is `$`, a model and what the chat has besides (tools, allowed, history); `›` and a
 * line that is sent, a [key] or "text" that is typed without Enter; two blanks and what is new then; or `#` and a comment.
 * A chat with a size, such as 80x24, shows its whole screen.
 */

/** A key that comes sooner after a question is taken for text. */
const ANSWERING_MS = 320

/** Part of the status line that may be a line late. */
const WEIGHTS = / · [\d.]+ [kM]B weights/

const parameters = { type: 'object', properties: {} }
const TOOLS: Tool[] = [
  { name: 'add', description: 'Adds two numbers.', parameters, run: ({ a, b }) => String(Number(a) + Number(b)) },
  { name: 'weather', parameters, run: ({ city }) => `21 degrees\n\u001b[2Jin ${city}` },
  { name: 'echo', parameters, run: ({ text }) => String(text) },
  {
    name: 'fail',
    parameters,
    run() {
      throw new Error('this tool fails')
    },
  },
  { name: 'slow', parameters, run: () => new Promise(() => {}) },
]

/** Sends the lines of a record to new chats. Returns the record with what these show now. */
export function runChat(record: string): Promise<string> {
  return inTemporaryFolder(async (work) => {
    await writeInputs(work, record)
    const chats = new RecordedChats(work)
    const now: string[] = []
    try {
      for (const line of record.split('\n')) {
        if (/^[#$›]/.test(line)) now.push('', line)
        if (line.startsWith('$ ')) await chats.begin(line.slice(2).split(' '))
        if (line.startsWith('$ ') || line.startsWith('› ')) {
          if (line.startsWith('› ')) await chats.type(line.slice(2))
          now.push(...(await chats.shown()).map((text) => `  ${text}`.trimEnd()))
        }
      }
      return `${normalisePrinted(
        now
          .slice(1)
          .join('\n')
          .replace(/^(#.*)\n\n/gm, '$1\n'),
        work,
      )}\n`
    } finally {
      await chats.close()
    }
  })
}

/** Chats of a record, one after another, with the models that they have loaded. */
class RecordedChats {
  private chat!: Chat
  private readonly models = new Map<string, Model>()
  private seen = new Set<unknown>()
  private status = ''
  private live?: ShownChat
  private columns = 0

  constructor(private readonly work: string) {}

  async begin([name, ...besides]: string[]): Promise<void> {
    await this.end()
    const model = await this.modelOf(name)
    this.chat = await chatWith(model, {
      generation: { maxTokens: 60, promptLookupNumTokens: 0, seed: 1 },
      ...(besides.includes('tools') && { tools: () => TOOLS }),
      ...(besides.includes('allowed') && { isAllowed: () => true }),
      ...(besides.includes('history') && { conversations: Conversations.at(join(this.work, 'conversations')) }),
    })
    this.chat.options.loadModel = (other) => this.modelOf(other)
    this.status = ''
    const [, columns, rows] = /^(\d+)x(\d+)$/.exec(besides.at(-1) ?? '') ?? []
    this.columns = Number(columns)
    if (columns !== undefined) this.live = new ShownChat(this.chat, Number(columns), Number(rows))
  }

  async type(line: string): Promise<void> {
    const { chat } = this
    const text = line.replaceAll('WORK', this.work)
    const before = chat.running?.call
    const [, key, plain] = /^\[([\w-]+)\]$|^"(.*)"$/.exec(text) ?? []
    if (key !== undefined) press(chat, { kind: 'key', name: key as KeyName })
    else if (plain !== undefined) press(chat, { kind: 'text', text: plain })
    else enter(chat, text)
    const waits = () => {
      const call = chat.running?.call
      if (!call || call === before) return false
      return call.state === 'asked' || (call.tool === 'slow' && call.state === 'running')
    }
    const ended = () => chat.queue.length === 0 && (chat.state === 'idle' || chat.state === 'ended')
    await until(() => waits() || ended(), `the end of ${line}`)
    // The engine answers in order: the figures of /stats are here once these are.
    await chat.model.stats()
    if (waits()) await new Promise((resolve) => setTimeout(resolve, ANSWERING_MS))
  }

  /** The screen, or new items of the chat, its input, and its status line if that has changed. */
  async shown(): Promise<string[]> {
    const { chat, seen, live, columns } = this
    if (live) {
      await live.settled()
      const lines = live.screen.text.map((line) => line.replace(WEIGHTS, ''))
      // What a narrow status line has room for depends on the speed.
      return lines.map((line) => (columns < 80 ? line.replace(/ · .*\/help$/, '') : line))
    }
    const items = chat.items.filter((item) => !seen.has(item) && item.kind !== 'user' && item.kind !== 'command')
    this.seen = new Set(chat.items)
    const lines = items.flatMap(({ kind, text, rows, footer }) => {
      const table = (rows ?? []).map((row) => JSON.stringify(row))
      return [...`${kind}: ${visible(text)}`.split('\n'), ...table, ...(footer ? [`(${footer})`] : [])]
    })
    if (chat.input.text !== '') lines.push(`input: ${visible(chat.input.text)}`)
    // Two answers may have the same speed, which then is no change.
    const status = statusLine(chat, 120)
      .replace(WEIGHTS, '')
      .replace(/\S+ tok\/s/, '<n> tok/s')
    if (status !== this.status) lines.push(`status: ${status.trim()}`)
    this.status = status
    return lines
  }

  async close(): Promise<void> {
    await this.end()
    for (const model of this.models.values()) await model.dispose()
  }

  private async end(): Promise<void> {
    this.live?.close()
    this.live = undefined
    await this.chat?.keeper.close()
  }

  private async modelOf(name: string): Promise<Model> {
    const path = name.startsWith('models/') ? join(this.work, name) : name
    const model = this.models.get(name) ?? (await loadModel(path, { threads: 1 }))
    this.models.set(name, model)
    // The chat disposes of a model that it leaves, and a later one needs it.
    return Object.create(model, { dispose: { value: async () => {} } })
  }
}

/** A text whose characters can all be seen. */
function visible(text: string): string {
  return text.replace(/[^\P{Cc}\n]/gu, (character) => JSON.stringify(character).slice(1, -1))
}
