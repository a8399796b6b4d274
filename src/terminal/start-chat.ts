import { constants } from 'node:os'
import { join } from 'node:path'
import { setImmediate as nextTurn, setTimeout as wait } from 'node:timers/promises'
import type { Model } from '../api/model.js'
import type { KeptConversation } from '../chat/conversations/kept-conversation.js'
import { molmHome } from '../ground/files/home.js'
import { terminalBackground } from '../ground/output/colours.js'
import { styled } from '../ground/output/style.js'
import { writePrintable } from '../ground/output/write-printable.js'
import { endBySignal } from '../ground/platform/process.js'
import { listModels } from '../library/installed-models.js'
import { showFewAnswers } from './conversation/answers/read-again.js'
import { Chat } from './conversation/chat-state.js'
import { submit, thenQueue } from './conversation/commands/commands.js'
import { nameOf, restoreMask, resumeKept } from './conversation/commands/conversation-commands.js'
import type { ChatBeginning, ChatOptions } from './conversation/options.js'
import { InputHistory } from './input/history.js'
import { InkScreen } from './screen/chat-screen.js'
import { PlainScreen } from './screen/plain-screen.js'
import type { Terminal } from './screen/terminal.js'

export interface StartOptions extends Omit<ChatOptions, 'history' | 'isPlain' | 'background' | 'modelNames'> {
  beginning: ChatBeginning
  /** Takes a function for notes about tools. */
  onNotes?: (say: (note: string) => void) => void
  keepsHistory: boolean
  conversation?: KeptConversation
  firstMessage?: string
  /** The terminal with the keys so far; absent if it only takes lines. */
  terminal?: Terminal
  signal: AbortSignal
}

/** File of earlier inputs, in the folder of the models. */
const HISTORY = 'chat-history.jsonl'

/** Runs a chat until the user leaves; `interrupted`: by Ctrl-C. Disposes of the model in use at the end. */
export async function startChat(model: Model, options: StartOptions): Promise<{ interrupted: boolean }> {
  const history = await InputHistory.open(options.keepsHistory ? join(molmHome(), HISTORY) : undefined)
  const models = await listModels().catch(() => [])
  const modelNames = models.map(({ name }) => name)
  const isPlain = options.terminal === undefined
  const chat = new Chat(model, {
    ...options,
    isPlain,
    history,
    modelNames,
    background: options.theme ?? terminalBackground(),
  })
  const { terminal, signal, conversation, firstMessage } = options
  const screen = terminal ? new InkScreen(chat, terminal) : new PlainScreen(chat, process.stdin, process.stdout)
  const signals = new ChatSignals(chat, terminal)
  const leave = () => {
    chat.end()
    screen.close()
  }
  signal.addEventListener('abort', leave, { once: true })
  try {
    signal.throwIfAborted()
    options.onNotes?.((note) => chat.say('note', note))
    chat.say('note', `${model.name}, ${model.info.quant}: write something, or /help`)
    void chat.refreshMemory()
    const { beginning } = options
    chat.begin(beginning)
    const keepsMask = options.mask !== undefined
    if (beginning.mask && !keepsMask) restoreMask(chat, beginning.mask)
    if (conversation) await resumeKept(chat, conversation, { system: beginning.system || undefined, keepsMask })
    void thenQueue(chat, () => showFewAnswers(chat))
    if (firstMessage !== undefined) void submit(chat, firstMessage)
    screen.takeInput()
    await chat.ended
    // The text so far of a stopped answer goes into the scrollback.
    await Promise.race([stopped(chat), signals.next])
    await nextTurn()
  } finally {
    leave()
    signal.removeEventListener('abort', leave)
    const line = await putAway(chat, signals).catch(() => undefined)
    signals.close()
    await chat.model.dispose()
    if (line !== undefined)
      writePrintable(process.stdout, `${isPlain ? '\n' : ''}${styled(line, 'dim', options.depth)}\n`)
  }
  return { interrupted: chat.left === 'interrupted' }
}

/** Maximum ms to wait for an answer that was stopped. */
const STOPPING_MS = 2000
/** Maximum ms of saving after a signal. */
const SIGNALLED_MS = 1000
/** Ms of saving after which a line says what takes its time. */
const SILENT_MS = 700

/** Resolves when an answer that was stopped has ended, after a while in any case. */
async function stopped(chat: Chat): Promise<void> {
  await Promise.race([chat.settled(), wait(STOPPING_MS, undefined, { ref: false })])
}

/**
 * Ends the conversation of a chat that the user has left. The turns are in its file already; its cache is saved until a
 * signal comes, or for a second after one. Returns the line that says how to continue; undefined if nothing was kept.
 */
async function putAway(chat: Chat, signals: ChatSignals): Promise<string | undefined> {
  const { keeper, conversation } = chat
  await stopped(chat)
  await keeper.settled()
  const { current, conversations } = keeper
  const saving = keeper.leave(conversation)
  if (signals.received) {
    await Promise.race([saving, wait(SIGNALLED_MS, undefined, { ref: false })])
  } else {
    const note = setTimeout(() => {
      writePrintable(process.stderr, 'saving what the model has read; Ctrl-C leaves without it\n')
    }, SILENT_MS)
    await Promise.race([saving, signals.next])
    clearTimeout(note)
  }
  await keeper.close()
  if (!current || signals.received === 'SIGHUP') return undefined
  const latest = await conversations?.latest().catch(() => undefined)
  const name = nameOf(current)
  if (latest?.id === current.id) return `kept as ${name}; molm chat -c continues`
  const word = /^[\w.-]+$/.test(name) ? name : current.id
  return `kept${word === name ? '' : ` as ${name}`}; molm chat --resume ${word} continues`
}

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
type Signal = (typeof SIGNALS)[number]

/**
 * Signals while a chat is open. The first one leaves time to end the chat in order: without a listener here, Ink would
 * end the process. A second one ends it at once, unless the terminal has gone away.
 */
class ChatSignals {
  private resolve = () => {}
  readonly next = new Promise<void>((resolve) => {
    this.resolve = resolve
  })
  received?: Signal

  constructor(
    private readonly chat: Chat,
    terminal?: Terminal,
  ) {
    if (terminal) terminal.onHangUp = () => undefined
    for (const signal of SIGNALS) process.on(signal, this.receive)
  }

  close(): void {
    for (const signal of SIGNALS) process.off(signal, this.receive)
  }

  private readonly receive = (signal: Signal) => {
    // A window that is closed often sends two.
    if (this.received && signal !== 'SIGHUP') {
      endBySignal(signal)
      process.exit(128 + constants.signals[signal])
    }
    const isFirst = !this.received
    this.received ??= signal
    this.resolve()
    // The command line knows about the other two.
    if (!isFirst || signal !== 'SIGHUP') return
    // Node fails when it resets a terminal that has gone away.
    process.once('exit', () => {
      process.removeAllListeners('SIGHUP')
      process.kill(process.pid, 'SIGHUP')
    })
    this.chat.end()
  }
}
