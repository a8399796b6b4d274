import type { ReadStream, WriteStream } from 'node:tty'
import { App } from './app.js'
import type { Chat } from './chat.js'
import { render } from './ink.js'
import type { Key } from './keys.js'
import { Terminal } from './terminal.js'
import { Transcript } from './transcript.js'

/** Above what the chat asks for, which draws by itself no more often than is seen. */
const MOST_FRAMES = 60

/** Draws on the terminal, and takes its keys; the function that it returns ends that. */
export function openScreen(chat: Chat, input: ReadStream, output: WriteStream & { fd: number }): () => void {
  const terminal = new Terminal(input, output, (key) => press(chat, terminal, key))
  // The console of Linux writes out what it does not understand.
  terminal.enter(chat.options.depth !== 'none' && process.env.TERM !== 'linux')
  const transcript = new Transcript(chat.options.depth)
  const screen = render(<App chat={chat} terminal={terminal} transcript={transcript} />, {
    stdout: terminal as unknown as NodeJS.WriteStream,
    exitOnCtrlC: false,
    maxFps: MOST_FRAMES,
  })
  return () => {
    screen.unmount()
    terminal.leave()
  }
}

/** Two keys are the terminal's business, all others the conversation's. */
function press(chat: Chat, terminal: Terminal, key: Key): void {
  const name = key.kind === 'key' ? key.name : undefined
  if (name === 'repaint') {
    terminal.drawAnew('wiped')
    chat.changed()
  } else if (name === 'suspend') terminal.suspend(() => chat.changed())
  else chat.press(key)
}
