import type { Chat } from '../conversation/chat.js'
import type { Key } from '../input/keys.js'
import type { TypedAhead } from '../input/typed-ahead.js'
import { App } from './app.js'
import { render } from './ink.js'
import type { Terminal } from './terminal.js'
import { Transcript } from './transcript.js'

/** Above what the chat asks for, which draws by itself no more often than is seen. */
const MOST_FRAMES = 60

/** Draws a chat on a terminal. */
export interface ChatScreen {
  /** From now on the chat gets what is typed, and first what has been typed so far. */
  takeInput(): void
  /** Ends the drawing, and leaves the terminal. */
  close(): void
}

export function openScreen(chat: Chat, typed: TypedAhead): ChatScreen {
  const { terminal } = typed
  // The console of Linux writes out what it does not understand.
  if (chat.options.depth !== 'none' && process.env.TERM !== 'linux') terminal.askBackground()
  const transcript = new Transcript(chat.options.depth)
  const screen = render(<App chat={chat} terminal={terminal} transcript={transcript} />, {
    stdout: terminal as unknown as NodeJS.WriteStream,
    exitOnCtrlC: false,
    maxFps: MOST_FRAMES,
  })
  return {
    takeInput: () => typed.handTo((key) => press(chat, terminal, key)),
    close() {
      screen.unmount()
      terminal.leave()
    },
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
