import type { Chat } from '../conversation/chat.js'
import { frameOf } from './frame.js'
import { Text } from './ink.js'
import type { Terminal } from './terminal.js'
import type { Transcript } from './transcript.js'
import { useChat } from './use-chat.js'
import { useWindowSize } from './use-window-size.js'

/** The whole screen: what is finished goes into the scrollback, what lives stays below it. */
export function App({ chat, terminal, transcript }: { chat: Chat; terminal: Terminal; transcript: Transcript }) {
  useChat(chat)
  const size = useWindowSize(terminal)
  return <Text>{terminal.markFor(frameOf(chat, transcript, size, terminal))}</Text>
}
