import type { ChatView } from '../conversation/chat-view.js'
import type { SizedFrame, Terminal, WindowSize } from './terminal.js'
import type { Transcript } from './transcript.js'
import { layoutOf, linesOf, viewOf } from './view.js'

/** The screen for a window of this size: the lines that are finished by now, and the live area. */
export function frameOf(
  chat: ChatView,
  transcript: Transcript,
  size: WindowSize,
  terminal: Pick<Terminal, 'isRepainting' | 'repaint'>,
): SizedFrame {
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
