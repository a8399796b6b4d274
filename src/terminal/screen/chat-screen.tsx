import { useEffect, useState, useSyncExternalStore } from 'react'
import type { Chat } from '../conversation/chat-state.js'
import { press } from '../conversation/commands/keys.js'
import type { Key } from '../input/keys.js'
import { inputColumns } from '../input/lines.js'
import { render, Text } from './ink.js'
import type { SizedFrame, Terminal, WindowSize } from './terminal.js'
import { Transcript } from './transcript.js'
import type { TypedAhead } from './typed-ahead.js'
import { layoutOf, linesOf, lineWidth, viewOf } from './view.js'

/** Maximum frames per second; more than the chat asks for, so that Ink delays none. */
const MOST_FRAMES = 60

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

/** The whole screen. Finished lines go into the scrollback; the live area stays below them. */
function App({ chat, terminal, transcript }: { chat: Chat; terminal: Terminal; transcript: Transcript }) {
  useSyncExternalStore(chat.subscribe, chat.getVersion)
  const size = useWindowSize(terminal)
  return <Text>{terminal.markFor(frameOf(chat, transcript, size, terminal))}</Text>
}

function useWindowSize(terminal: Terminal): WindowSize {
  const [size, setSize] = useState(terminal.size)
  useEffect(() => {
    const follow = () => setSize(terminal.size)
    terminal.on('resize', follow)
    return () => {
      terminal.off('resize', follow)
    }
  }, [terminal])
  return size
}

/** The screen for a window of this size: the lines that are finished by now, and the live area. */
function frameOf(chat: Chat, transcript: Transcript, size: WindowSize, terminal: Terminal): SizedFrame {
  const layout = layoutOf(chat, size, transcript.running)
  const { textWidth, held: most } = layout
  const { drawsMarkdown, painter } = chat
  const look = { width: textWidth, background: painter.ground, drawsMarkdown }
  const { isRewrapped } = transcript.update(chat.items, look)
  if (isRewrapped) terminal.repaint('in place')
  if (chat.state === 'ended') return { finished: transcript.takeAllBut(0), live: [], size }
  if (!terminal.isRepainting) {
    const finished = transcript.takeAllBut(most)
    return { finished, live: linesOf(viewOf(chat, size, transcript.held, layout)), size }
  }
  // Above the live area, as many finished lines as the window has room for.
  const live = linesOf(viewOf(chat, size, transcript.last(most), layout))
  return { finished: transcript.takeAgain(most, Math.max(0, size.rows - 1 - live.length)), live, size }
}
