import { EventEmitter } from 'node:events'
import { writeSync } from 'node:fs'
import type { ReadStream, WriteStream } from 'node:tty'
import { stripVTControlCharacters } from 'node:util'
import { cellWidth } from '../terminal/cell-width.js'
import { type Key, KeyReader } from './keys.js'

const PASTE_ON = '\x1b[?2004h'
const PASTE_OFF = '\x1b[?2004l'
const CURSOR_ON = '\x1b[?25h'
const ERASE_LINE_AND_UP = '\x1b[2K\x1b[1A'

/**
 * Stands for a line: `~` with its number for one of the live area, a backquote for a finished one, while `!` stands for
 * nothing and tells Ink that the live area is another than in the drawings before. Ink measures plain ASCII much faster
 * than other text, and writes none of these signs on its own account.
 */
const MARK = /([~`!])(\d+)/g
/** So many drawings have other marks than those before; Ink keeps the measures of each text for ever. */
const CHANGES = 64
/** Finished lines have other numbers than those that may still wait to be written. */
const MOST_FINISHED = 1e6
/** Columns of the widest line of marks. */
const MARK_COLUMNS = 8

/** So long a lone ESC may be the beginning of a key's sequence. */
const ESCAPE_MS = 40

/**
 * The terminal as the chat uses it: keys come in, and Ink draws on it as on a stream. Ink draws marks, and the lines take
 * their places here, on the way out: Ink makes an object of every cell, in every frame, and takes coloured text apart and
 * together again, which cost more than all the rest of the drawing. So it is told of a window just as wide as marks
 * are. Nor is it told how many rows there are: it would clear the whole screen, scrollback and all, when its area became
 * higher than a window that shrinks. The view sees to it that the area fits.
 */
export class Terminal extends EventEmitter {
  readonly isTTY = true
  readonly rows = Number.MAX_SAFE_INTEGER
  readonly columns = MARK_COLUMNS
  readonly writable = true
  /** Lines of the live area, which stand behind its marks. */
  private lines: readonly string[] = []
  private drawing = 0
  /** Finished lines that are not written yet. */
  private readonly finished = new Map<number, string>()
  private finishedCount = 0
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

  get size(): { columns: number; rows: number } {
    return { columns: this.output.columns || 80, rows: this.output.rows || 24 }
  }

  write(text: string, ...rest: [((error?: Error | null) => void)?]): boolean {
    return this.output.write(
      text.replace(MARK, (_, sign, number) => this.lineOf(sign, Number(number))),
      ...rest,
    )
  }

  /** A text of as many lines, whose marks become these lines when it is written. Other lines have another text. */
  marksFor(lines: readonly string[]): string {
    const isSame = lines.length === this.lines.length && lines.every((line, i) => line === this.lines[i])
    if (!isSame) this.drawing++
    this.lines = lines
    if (lines.length === 0) return ''
    return `!${this.drawing % CHANGES}${lines.map((_, i) => `~${i}`).join('\n')}`
  }

  /** A text of as many lines, whose marks become these lines, once. */
  marksForFinished(lines: readonly string[]): string {
    const marks = lines.map((line) => {
      const number = this.finishedCount++ % MOST_FINISHED
      this.finished.set(number, line)
      return `\`${number}`
    })
    return marks.join('\n')
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

  private lineOf(sign: string, number: number): string {
    if (sign === '!') return ''
    if (sign === '~') return this.lines[number] ?? ''
    const line = this.finished.get(number) ?? ''
    this.finished.delete(number)
    return line
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

  /**
   * A narrower window has broken long lines in two: the lines so gained are erased here, Ink erases the others when it
   * draws the lines of the new width.
   */
  private readonly resize = () => {
    const { columns } = this.size
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
