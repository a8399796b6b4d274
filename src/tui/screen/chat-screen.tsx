import type { Chat } from '../conversation/chat.js'
import { press } from '../conversation/keys.js'
import type { Key } from '../input/keys.js'
import { inputColumns } from '../input/lines.js'
import { App } from './app.js'
import { render } from './ink.js'
import type { Terminal } from './terminal.js'
import { Transcript } from './transcript.js'
import type { TypedAhead } from './typed-ahead.js'
import { lineWidth } from './view.js'

/** Maximum frames per second; more than the chat asks for, so that Ink delays none. */
const MOST_FRAMES = 60

/** Draws a chat on a terminal. */
export interface ChatScreen {
  /** From now on the chat gets the keys, first those typed so far. */
  takeInput(): void
  /** Ends the drawing, and leaves the terminal. */
  close(): void
}

export function openScreen(chat: Chat, typed: TypedAhead): ChatScreen {
  const { terminal } = typed
  chat.terminal = terminal
  // The Linux console prints sequences that it does not know.
  if (chat.options.depth !== 'none' && process.env.TERM !== 'linux') terminal.askBackground()
  const fitInput = () => chat.input.setWidth(inputColumns(lineWidth(terminal.size)))
  fitInput()
  terminal.on('resize', fitInput)
  const transcript = new Transcript(chat.options.depth)
  const screen = render(<App chat={chat} terminal={terminal} transcript={transcript} />, {
    stdout: terminal as unknown as NodeJS.WriteStream,
    exitOnCtrlC: false,
    maxFps: MOST_FRAMES,
  })
  return {
    takeInput: () => typed.handTo((key) => pressOnScreen(chat, terminal, key)),
    close() {
      terminal.off('resize', fitInput)
      screen.unmount()
      terminal.leave()
    },
  }
}

/** Two keys act on the terminal, all others on the conversation. */
function pressOnScreen(chat: Chat, terminal: Terminal, key: Key): void {
  const name = key.kind === 'key' ? key.name : undefined
  if (name === 'repaint') {
    terminal.repaint('wiped')
    chat.changed()
  } else if (name === 'suspend') terminal.suspend(() => chat.changed())
  else press(chat, key)
}
