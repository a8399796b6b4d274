import type { Chat } from '../conversation/chat.js'
import { inputColumns } from '../input/lines.js'
import type { SizedFrame, Terminal, WindowSize } from './terminal.js'
import type { Transcript } from './transcript.js'
import { layoutOf, linesOf, viewOf } from './view.js'

/** What is to be on the screen in a window of this size: what is finished by now, and the live area. */
export function frameOf(
  chat: Chat,
  transcript: Transcript,
  size: WindowSize,
  terminal: Pick<Terminal, 'isAnew' | 'drawAnew'>,
): SizedFrame {
  chat.editor.width = inputColumns(size.columns - 1)
  const layout = layoutOf(chat, size)
  const { textWidth, held: most } = layout
  const { isAnew } = transcript.update(chat.items, textWidth)
  if (isAnew) terminal.drawAnew('in place')
  if (chat.state === 'ended') return { finished: transcript.takeAllBut(0), live: [], size }
  if (!terminal.isAnew) {
    const finished = transcript.takeAllBut(most)
    return { finished, live: linesOf(viewOf(chat, size, transcript.held, layout)), size }
  }
  // The live area is what it is, and above it is as much of what was said as there is room for.
  const live = linesOf(viewOf(chat, size, transcript.last(most), layout))
  return { finished: transcript.takeAnew(most, Math.max(0, size.rows - 1 - live.length)), live, size }
}
