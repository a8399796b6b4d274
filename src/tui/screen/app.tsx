import type { ChatView } from '../conversation/chat-view.js'
import { frameOf } from './frame.js'
import { Text } from './ink.js'
import type { Terminal } from './terminal.js'
import type { Transcript } from './transcript.js'
import { useChat } from './use-chat.js'
import { useWindowSize } from './use-window-size.js'

/** The whole screen. Finished lines go into the scrollback; the live area stays below them. */
export function App({ chat, terminal, transcript }: { chat: ChatView; terminal: Terminal; transcript: Transcript }) {
  useChat(chat)
  const size = useWindowSize(terminal)
  return <Text>{terminal.markFor(frameOf(chat, transcript, size, terminal))}</Text>
}
