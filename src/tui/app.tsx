import { Static } from 'ink'
import type { Chat } from './chat.js'
import { FinishedItem } from './finished-item.js'
import { LiveArea } from './live-area.js'
import type { Terminal } from './terminal.js'
import { useChat } from './use-chat.js'
import { useWindowSize } from './use-window-size.js'
import { linesOf, viewOf } from './view.js'

/** The whole screen: what is finished goes into the scrollback, what lives stays below it. */
export function App({ chat, terminal }: { chat: Chat; terminal: Terminal }) {
  useChat(chat)
  const size = useWindowSize(terminal)
  const lines = chat.state === 'ended' ? [] : linesOf(viewOf(chat, size))
  return (
    <>
      <Static items={[...chat.items]}>
        {(item) => (
          <FinishedItem
            key={item.id}
            item={item}
            width={Math.max(8, size.columns - 1)}
            depth={chat.painter.depth}
            terminal={terminal}
          />
        )}
      </Static>
      <LiveArea lines={lines} terminal={terminal} />
    </>
  )
}
