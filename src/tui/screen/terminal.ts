import { EventEmitter } from 'node:events'
import { writeSync } from 'node:fs'
import type { ReadStream, WriteStream } from 'node:tty'
import { type Key, KeyReader } from '../input/keys.js'
import { type Frame, Screen } from './screen.js'

const PASTE_ON = '\x1b[?2004h'
const PASTE_OFF = '\x1b[?2004l'
const CURSOR_ON = '\x1b[?25h'
const CURSOR_OFF = '\x1b[?25l'
const ASK_BACKGROUND = '\x1b]11;?\x1b\\'

/** What Ink writes is one mark, which stands for the frame that was handed over last, and these sequences around it. */
const MARK = /!\d+/
const ESC = '\x1b'
const PASSED_ON = new RegExp(`${ESC}\\[\\?(?:25|2026)[hl]`, 'g')
/** So many drawings have other marks than those before; Ink keeps the measures of each text for ever. */
const CHANGES = 64
/** Columns of the widest mark. */
const MARK_COLUMNS = 8

/** So long a lone ESC may be the beginning of a key's sequence. */
const ESCAPE_MS = 40
/** A window that has kept its size for so long is not being dragged. */
const SETTLED_MS = 60

/** A program that still runs so long after SIGTSTP has not been stopped, or no more is. */
const STOP_MS = 200

export interface WindowSize {
  columns: number
  rows: number
}

/** A frame and the window that it was made for. */
export interface SizedFrame extends Frame {
  size: WindowSize
}

/**
 * The terminal as the chat uses it: keys come in, and Ink draws on it as on a stream. Ink decides when to draw, and draws
 * one mark; the lines that it stands for are put on the screen here. Ink makes an object of every cell, in every frame, and
 * takes coloured text apart and together again, which cost more than all the rest of the drawing. Nor is it told of the
 * window: it would clear the whole screen, scrollback and all, when its area became higher than a window that shrinks.
 */
export class Terminal extends EventEmitter {
  readonly isTTY = true
  readonly rows = Number.MAX_SAFE_INTEGER
  readonly columns = MARK_COLUMNS
  readonly writable = true
  private readonly screen = new Screen()
  private frame?: SizedFrame
  private drawing = 0
  /** What the next frame does besides: it draws all that is in sight anew, on a wiped screen or where it was. */
  private pendingRepaint?: 'wiped' | 'in place'
  /** Narrowest window since the last drawing, while it is being resized. */
  private narrowest = Number.POSITIVE_INFINITY
  private resizing?: NodeJS.Timeout
  private readonly reader = new KeyReader()
  private escape?: NodeJS.Timeout

  private isEntered = false
  /** Takes each key; may be replaced at any time. */
  onKey: (key: Key) => void = () => undefined

  constructor(
    private readonly input: ReadStream,
    private readonly output: WriteStream & { fd: number },
  ) {
    super()
  }

  get size(): WindowSize {
    return { columns: this.output.columns || 80, rows: this.output.rows || 24 }
  }

  /** Whether the next frame is to bring all lines that are in sight, and not only the newly finished ones. */
  get isRepainting(): boolean {
    return this.pendingRepaint !== undefined
  }

  write(text: string, ...rest: [((error?: Error | null) => void)?]): boolean {
    const around = text.match(PASSED_ON)?.join('') ?? ''
    return this.output.write(around + (MARK.test(text) ? this.drawn() : ''), ...rest)
  }

  /** A text that becomes these lines when it is written; other lines have another text. */
  markFor(frame: SizedFrame): string {
    const { frame: before } = this
    const isSame =
      before !== undefined &&
      !this.isRepainting &&
      frame.finished.length === 0 &&
      frame.live.length === before.live.length &&
      frame.live.every((line, i) => line === before.live[i])
    if (!isSame) this.drawing++
    // What is finished and has not been written yet must not be lost.
    const waiting = this.isRepainting ? [] : (before?.finished ?? [])
    this.frame = { ...frame, finished: [...waiting, ...frame.finished] }
    return `!${this.drawing % CHANGES}`
  }

  /** The next frame draws all that is in sight anew. */
  repaint(how: 'wiped' | 'in place'): void {
    this.pendingRepaint = this.pendingRepaint === 'wiped' ? 'wiped' : how
  }

  /** Takes keys one by one, without an echo, and pasted text as a whole. */
  enter(): void {
    this.isEntered = true
    this.input.setEncoding('utf8')
    this.input.setRawMode(true)
    this.input.on('data', this.read)
    this.input.resume()
    this.output.on('resize', this.resize)
    this.output.write(PASTE_ON)
    process.once('exit', this.restore)
    process.once('SIGHUP', this.hangUp)
  }

  /** Asks for the colour of the background. The answer comes as a key: a program that ends before it leaves it to the shell. */
  askBackground(): void {
    this.output.write(ASK_BACKGROUND)
  }

  /** Gives the terminal back as it was. Harmless a second time. */
  leave(): void {
    if (!this.isEntered) return
    this.isEntered = false
    clearTimeout(this.escape)
    clearTimeout(this.resizing)
    this.input.off('data', this.read)
    this.output.off('resize', this.resize)
    process.off('exit', this.restore)
    process.off('SIGHUP', this.hangUp)
    this.restore()
    this.input.pause()
  }

  /**
   * Stops the program as Ctrl-Z does, and goes on when the shell lets it: or at once where no shell could, as in a
   * container, since the system does not stop a program there.
   */
  suspend(onReturn: () => void): void {
    writeSync(this.output.fd, this.screen.leave())
    this.leave()
    const goOn = () => {
      clearTimeout(timer)
      process.off('SIGCONT', goOn)
      this.enter()
      this.output.write(CURSOR_OFF)
      if (this.frame) this.frame = { ...this.frame, live: [] }
      onReturn()
    }
    process.once('SIGCONT', goOn)
    process.kill(process.pid, 'SIGTSTP')
    // Also keeps the program alive, which has no input to wait for. It counts while the program is stopped.
    const timer = setTimeout(goOn, STOP_MS)
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

  /** Unlike SIGINT and SIGTERM, SIGHUP ends the program at once, and no 'exit' event comes. */
  private readonly hangUp = () => {
    this.leave()
    process.kill(process.pid, 'SIGHUP')
  }

  /** Puts the frame on the screen, unless its window has gone: the one for the new window is on its way. */
  private drawn(): string {
    const { frame, size } = this
    if (!frame || this.resizing || frame.size.columns !== size.columns || frame.size.rows !== size.rows) return ''
    this.frame = { ...frame, finished: [] }
    const { pendingRepaint } = this
    this.pendingRepaint = undefined
    const narrowest = Math.min(this.narrowest, size.columns)
    this.narrowest = Number.POSITIVE_INFINITY
    if (pendingRepaint === 'wiped') return this.screen.wipe(frame, size.rows)
    return pendingRepaint ? this.screen.redraw(frame, narrowest) : this.screen.draw(frame)
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
   * Nothing is drawn while the window is dragged. Afterwards all that is in sight is, where lines may have been broken, or
   * live ones pushed out at the top; else the terminal has kept everything as it was.
   */
  private readonly resize = () => {
    const { columns, rows } = this.size
    this.narrowest = Math.min(this.narrowest, columns)
    if (this.frame && (columns !== this.frame.size.columns || rows <= this.frame.live.length)) this.repaint('in place')
    clearTimeout(this.resizing)
    this.resizing = setTimeout(() => {
      this.resizing = undefined
      this.emit('resize')
    }, SETTLED_MS)
  }
}
