import { setTimeout as wait } from 'node:timers/promises'
import { writePrintable } from '../terminal/write-printable.js'
import type { ChatSignals } from './chat-signals.js'
import type { Chat } from './conversation/chat.js'
import { nameOf } from './conversation/conversation-commands.js'

/** Maximum ms to wait for an answer that was stopped. */
const STOPPING_MS = 2000
/** Maximum ms of saving after a signal. */
const SIGNALLED_MS = 1000
/** Ms of saving after which a line says what takes its time. */
const SILENT_MS = 700

/** Resolves when an answer that was stopped has ended, after a while in any case. */
export async function stopped({ answers }: Chat): Promise<void> {
  await Promise.race([answers.work.settled(), wait(STOPPING_MS, undefined, { ref: false })])
}

/**
 * Ends the conversation of a chat that the user has left. The turns are in its file already; its cache is saved until a
 * signal comes, or for a second after one. Returns the line that says how to continue; undefined if nothing was kept.
 */
export async function putAway(chat: Chat, signals: ChatSignals): Promise<string | undefined> {
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
