import { EventEmitter, once } from 'node:events'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { createElement } from 'react'
import type { Chat } from '#molm/terminal/conversation/chat-state.js'
import { press } from '#molm/terminal/conversation/commands/keys.js'
import { type Key, KeyReader } from '#molm/terminal/input/keys.js'
import { ChatView } from '#molm/terminal/screen/chat-view.js'
import { Terminal } from '#molm/terminal/screen/terminal.js'

// After the view, which imports Ink without the variable CI: Ink reads it once for all test files of this process.
const { render } = await import('ink-testing-library')

/** The keys that a chat reads from what a terminal sends, in chunks. */
export async function keysFrom(...chunks: string[]): Promise<Key[]> {
  const input = Object.assign(new EventEmitter(), { setEncoding() {}, setRawMode() {}, resume() {}, pause() {} })
  const output = Object.assign(new EventEmitter(), { fd: -1, columns: 80, rows: 24, write: () => true })
  const terminal = new Terminal(
    input as unknown as NodeJS.ReadStream,
    output as unknown as NodeJS.WriteStream & { fd: number },
  )
  const reader = new KeyReader()
  const keys: Key[] = []
  const onInput: Parameters<typeof ChatView>[0]['onInput'] = (text, key) => keys.push(...reader.read(text, key))
  const { stdin, unmount } = render(createElement(ChatView, { finished: [], live: [], isActive: true, onInput }))
  terminal.keys.on('data', (text: string) => stdin.write(text))
  terminal.enter()
  for (const chunk of chunks) {
    input.emit('data', chunk)
    // An ESC at the end may be a key or the beginning of a sequence.
    if (chunk === chunks.at(-1) && chunk.endsWith('\x1b')) await once(terminal.keys, 'data')
    // Ink waits a turn for the rest of a sequence.
    await nextTurn()
    await nextTurn()
  }
  unmount()
  terminal.leave()
  return keys
}

/** Types into a chat that has no screen. */
export async function typeInto(chat: Chat, text: string): Promise<void> {
  for (const key of await keysFrom(text)) press(chat, key)
}
