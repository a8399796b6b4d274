import { EventEmitter } from 'node:events'
import { writeSync } from 'node:fs'
import type { ReadStream, WriteStream } from 'node:tty'
import { stripVTControlCharacters } from 'node:util'
import { cellWidth } from './cell-width.js'
import { type Key, KeyReader } from './keys.js'

const PASTE_ON = '\x1b[?2004h'
const PASTE_OFF = '\x1b[?2004l'
const CURSOR_ON = '\x1b[?25h'
const ERASE_LINE_AND_UP = '\x1b[2K\x1b[1A'

/** Stands for a line of the live area: its number, and a digit that changes with every drawing. */
const MARK = /\u{e000}(\d+)\.\d/gu

/** So long a lone ESC may be the beginning of a key's sequence. */
const ESCAPE_MS = 40

/**
 * The terminal as the chat uses it: keys come in, and Ink draws on it as on a stream. Ink is not told how many rows
 * there are: it would clear the whole screen, scrollback and all, when its area became higher than a window that
 * shrinks. The view sees to it that the area fits.
 */
export class Terminal extends EventEmitter {
  readonly isTTY = true
  readonly rows = Number.MAX_SAFE_INTEGER
  readonly writable = true
  /** Lines of the live area, which stand behind its marks. */
  private lines: readonly string[] = []
  private drawing = 0
  private readonly reader = new KeyReader()
  private escape?: NodeJS.Timeout
  private width: number

  constructor(
    private readonly input: ReadStream,
    private readonly output: WriteStream & { fd: number },
    private readonly onKey: (key: Key) => void,
  ) {
    super()
    this.width = output.columns
  }

  get columns(): number {
    return this.output.columns || 80
  }

  get size(): { columns: number; rows: number } {
    return { columns: this.columns, rows: this.output.rows || 24 }
  }

  write(text: string, ...rest: [((error?: Error | null) => void)?]): boolean {
    return this.output.write(
      text.replace(MARK, (_, index) => this.lines[index] ?? ''),
      ...rest,
    )
  }

  /** A text of as many lines, whose marks become these lines when it is written. Other lines have another text. */
  marksFor(lines: readonly string[]): string {
    const isSame = lines.length === this.lines.length && lines.every((line, i) => line === this.lines[i])
    if (!isSame) this.drawing++
    this.lines = lines
    return lines.map((_, i) => `\u{e000}${i}.${this.drawing % 10}`).join('\n')
  }

  /** Takes keys one by one, and pasted text as a whole. */
  enter(): void {
    this.input.setEncoding('utf8')
    this.input.setRawMode(true)
    this.input.on('data', this.read)
    this.input.resume()
    this.output.on('resize', this.resize)
    this.output.write(PASTE_ON)
    process.once('exit', this.restore)
  }

  /** Gives the terminal back as it was. */
  leave(): void {
    clearTimeout(this.escape)
    this.input.off('data', this.read)
    this.output.off('resize', this.resize)
    process.off('exit', this.restore)
    this.restore()
    this.input.pause()
  }

  /** Synchronous, since it is also what happens when the process ends by an error. */
  private readonly restore = () => {
    try {
      this.input.setRawMode(false)
      writeSync(this.output.fd, PASTE_OFF + CURSOR_ON)
    } catch {
      // The terminal has gone away.
    }
  }

  private readonly read = (chunk: string) => {
    clearTimeout(this.escape)
    for (const key of this.reader.push(chunk)) this.onKey(key)
    if (this.reader.isWaiting) {
      this.escape = setTimeout(() => {
        for (const key of this.reader.flush()) this.onKey(key)
      }, ESCAPE_MS)
    }
  }

  /** A narrower window has broken long lines in two: the lines so gained are erased here, Ink erases the others. */
  private readonly resize = () => {
    const { columns } = this
    if (columns < this.width) {
      const gained = this.lines.reduce((sum, line) => sum + linesTaken(line, columns) - 1, 0)
      this.output.write(ERASE_LINE_AND_UP.repeat(gained))
    }
    this.width = columns
    this.emit('resize')
  }
}

function linesTaken(line: string, columns: number): number {
  return Math.max(1, Math.ceil(cellWidth(stripVTControlCharacters(line)) / columns))
}
