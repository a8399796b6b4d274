import { stripVTControlCharacters } from 'node:util'
import type { Key as InkKey, Instance } from 'ink'
import { cellWidth } from '../../ground/output/cell-width.js'
import type { Background } from '../../insight/pictures/blocks/ramps.js'
import type { Chat } from '../conversation/chat-state.js'
import { press } from '../conversation/commands/keys.js'
import type { ChatTerminal } from '../conversation/options.js'
import { type Key, KeyReader } from '../input/keys.js'
import { inputColumns } from '../input/lines.js'
import { ChatView, type InkOutput, inkOutput, render } from './chat-view.js'
import type { Terminal, WindowSize } from './terminal.js'
import { Transcript } from './transcript.js'
import { layoutOf, linesOf, lineWidth } from './view.js'

/** Maximum frames per second, so that Ink delays no key. The chat asks for fewer while an answer runs. */
const MOST_FRAMES = 60
const MOST_LINES = 1000

export interface ChatScreen {
  /** From now on the chat gets the keys, first those typed so far. */
  takeInput(): void
  /** Ends the drawing, and leaves the terminal. */
  close(): void
}

/** Draws a chat with Ink, which is mounted again after a resize, a suspension or another program. */
export class InkScreen implements ChatScreen, ChatTerminal {
  private readonly transcript: Transcript
  private readonly reader = new KeyReader()
  private readonly unsubscribe: () => void
  private mounted?: { ink: Instance; output: InkOutput; size: WindowSize }
  /** Finished lines since Ink was mounted, as they came. */
  private finished: (readonly string[])[] = []
  /** The last lines on the screen: finished ones, and below them the live ones. */
  private above: readonly string[] = []
  private live: readonly string[] = []
  private takesKeys = false

  constructor(
    private readonly chat: Chat,
    private readonly terminal: Terminal,
  ) {
    chat.terminal = this
    this.transcript = new Transcript(chat.options.depth)
    // The Linux console prints sequences that it does not know.
    if (chat.options.depth !== 'none' && process.env.TERM !== 'linux') terminal.askBackground()
    terminal.on('background', this.setBackground)
    terminal.on('resize', this.repaint)
    this.unsubscribe = chat.subscribe(() => this.draw())
    this.mount()
  }

  get size(): WindowSize {
    return this.terminal.size
  }

  takeInput(): void {
    this.takesKeys = true
    this.terminal.endLoading()
    this.draw()
  }

  close(): void {
    this.unsubscribe()
    this.terminal.off('background', this.setBackground)
    this.terminal.off('resize', this.repaint)
    this.unmount()
    this.terminal.leave()
  }

  send(sequence: string): void {
    this.terminal.send(sequence)
  }

  async lend<T>(work: () => Promise<T>): Promise<T> {
    this.unmount()
    try {
      return await this.terminal.lend(work)
    } finally {
      this.mount()
    }
  }

  private readonly setBackground = (background: Background) => this.chat.setBackground(background)

  private readonly onInput = (input: string, key: InkKey) => {
    for (const read of this.reader.read(input, key)) this.press(read)
  }

  /** Two keys act on the terminal, all others on the conversation. */
  private press(key: Key): void {
    const name = key.kind === 'key' ? key.name : undefined
    if (name === 'repaint') this.repaint('all')
    else if (name === 'suspend') {
      this.unmount()
      this.terminal.suspend(() => this.mount())
    } else press(this.chat, key)
  }

  /** Draws all visible lines again: on a wiped screen, or from the first line of this program on. */
  private readonly repaint = (rows: number | 'all' = this.rowsAt(this.terminal.takeNarrowest())) => {
    if (!this.mounted) return
    // The mount below draws what Ink has not written yet.
    this.mounted.output.writable = false
    this.unmount(rows)
    this.mount({ isAgain: true })
  }

  private mount({ isAgain = false } = {}): void {
    const { size } = this.terminal
    const output = inkOutput(this.terminal, size)
    this.finished = []
    this.chat.input.width = inputColumns(lineWidth(size))
    const ink = render(null, {
      stdin: this.terminal.keys as unknown as NodeJS.ReadStream,
      stdout: output as unknown as NodeJS.WriteStream,
      exitOnCtrlC: false,
      patchConsole: false,
      incrementalRendering: true,
      maxFps: MOST_FRAMES,
    })
    this.mounted = { ink, output, size }
    this.draw({ isAgain })
  }

  /** Erases the live area, or the rows above the cursor. */
  private unmount(rows: number | 'all' = Math.max(1, this.live.length)): void {
    const { mounted } = this
    this.mounted = undefined
    if (!mounted) return
    mounted.ink.unmount()
    this.terminal.erase(rows)
  }

  private draw({ isAgain = false } = {}): void {
    const { chat, mounted, transcript } = this
    if (!mounted) return
    const { size, ink } = mounted
    const layout = layoutOf(chat, size, transcript.running)
    const { drawsMarkdown } = chat.settings
    const look = { width: layout.textWidth, background: chat.painter.ground, drawsMarkdown }
    if (transcript.update(chat.items, look) && !isAgain) return this.repaint()
    const isEnded = chat.state === 'ended'
    const held = isEnded ? 0 : layout.held
    const fresh = transcript.takeAllBut(held, isAgain)
    this.live = isEnded ? [] : linesOf(layout.view(transcript.held))
    // Above the live area of a repainted screen, as many finished lines as the window has room for.
    const finished = isAgain ? transcript.taken(Math.max(fresh.length, size.rows - 1 - this.live.length)) : fresh
    if (isAgain) this.above = []
    if (finished.length > 0) {
      this.finished = [...this.finished, finished]
      this.above = [...this.above, ...finished].slice(-MOST_LINES)
    }
    const { finished: all, live, takesKeys, onInput } = this
    ink.rerender(<ChatView finished={all} live={live} isActive={takesKeys} onInput={onInput} />)
  }

  /** Rows of the lines on the screen in a window of `columns`, as terminals break lines. */
  private rowsAt(columns: number): number {
    const widths = [...this.above, ...this.live].map((line) => cellWidth(stripVTControlCharacters(line)))
    const rows = widths.reduce((sum, width) => sum + Math.max(1, Math.ceil(width / columns)), 0)
    return Math.min(rows, MOST_LINES)
  }
}
