import { createInterface, type Interface } from 'node:readline'
import { type OutputStream, writePrintable } from '../../ground/output/write-printable.js'
import type { Chat } from '../conversation/chat-state.js'
import { press } from '../conversation/commands/keys.js'
import type { ChatItem } from '../conversation/state/items.js'
import type { ChatScreen } from './chat-screen.js'
import { helpLines, withSigns } from './transcript.js'

const PROMPT = '> '
const SIGNS: Partial<Record<ChatItem['kind'], string>> = { user: PROMPT, error: '! ', result: '→ ' }
/** Columns of a table; the width of the window may be unknown. */
const WIDTH = 79

/** Writes the conversation line by line, for a terminal that cannot move its cursor. It has no map and no colours. */
export class PlainScreen implements ChatScreen {
  private readonly lines: Interface
  private readonly unsubscribe: () => void
  private written = 0
  /** Number of characters of the running answer that have been written. */
  private shown = 0
  private isPrompting = false
  /** Name of the tool that the user has been asked about. */
  private asked?: string
  /** A line is being sent: the chat still looks idle, but no prompt may be written. */
  private isSending = false
  /** No prompt comes before the screen takes input. */
  private takesInput = false
  private isClosed = false

  constructor(
    private readonly chat: Chat,
    input: NodeJS.ReadableStream,
    private readonly output: OutputStream & NodeJS.WritableStream,
  ) {
    this.lines = createInterface({ input, output, prompt: PROMPT, terminal: false })
    this.lines.on('line', (line) => {
      this.isPrompting = false
      this.isSending = true
      chat.input.set(line)
      press(chat, { kind: 'key', name: 'enter' })
      this.isSending = false
      this.update()
    })
    this.lines.on('close', () => {
      if (!this.isClosed) chat.end()
    })
    this.lines.pause()
    this.unsubscribe = chat.subscribe(() => this.update())
  }

  takeInput(): void {
    this.takesInput = true
    this.lines.resume()
    this.update()
  }

  close(): void {
    if (this.isClosed) return
    this.isClosed = true
    this.unsubscribe()
    this.lines.close()
  }

  private update(): void {
    if (this.isClosed) return
    const { chat } = this
    for (const { kind, text, rows = [], footer, spans, isEarlier } of chat.items.slice(this.written)) {
      this.written++
      // The terminal has echoed what was typed.
      if ((kind === 'user' && !isEarlier) || kind === 'command') continue
      for (const line of helpLines(rows, WIDTH)) this.write(`${line}\n`)
      if (spans) this.write(`${spans.map((span) => withSigns(span).text).join('')}\n`)
      else if (kind === 'answer') this.write(`${text.slice(this.shown)}\n`)
      else this.write(`${SIGNS[kind] ?? ''}${text}\n`)
      if (footer !== undefined) this.write(`${footer}\n`)
      this.shown = 0
    }
    const { running } = chat
    const asked = running?.call?.state === 'asked' ? running.call.tool : undefined
    if (asked !== this.asked) {
      this.asked = asked
      if (this.asked !== undefined) this.write(`run ${this.asked}? y, n or a (always): `)
    }
    if (running) {
      // The finished answer lacks blanks at the end.
      const text = running.text.trimEnd()
      if (text.length > this.shown) this.write(text.slice(this.shown))
      this.shown = Math.max(this.shown, text.length)
    } else if (this.takesInput && chat.state === 'idle' && !this.isPrompting && !this.isSending) {
      this.isPrompting = true
      this.lines.prompt()
    }
  }

  private write(text: string): void {
    if (this.isPrompting) this.output.write('\n')
    this.isPrompting = false
    writePrintable(this.output, text)
  }
}
