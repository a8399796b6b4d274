import { EventEmitter } from 'node:events'
import { writeSync } from 'node:fs'
import type { ReadStream, WriteStream } from 'node:tty'
import type { ChatTerminal } from '../conversation/options.js'
import { type Key, KeyReader } from '../input/keys.js'
import { type Frame, Screen } from './screen.js'

/*
 * Writes these sequences. screen.ts moves the cursor and erases; ../input/keys.ts reads the replies.
 *
 *   CSI ? 2004 h, l   bracketed paste on, off       xterm ctlseqs, "Bracketed Paste Mode"
 *   CSI ? 25 h, l     show, hide the cursor         DEC VT220, DECTCEM (from Ink)
 *   CSI ? 2026 h, l   begin, end a drawing          contour-terminal.org, "Synchronized Output" (from Ink)
 *   OSC 11 ; ? ST     asks for the background       xterm ctlseqs, "Operating System Commands"
 *
 * CSI is ESC [, OSC is ESC ], ST is ESC \.
 */

const PASTE_ON = '\x1b[?2004h'
const PASTE_OFF = '\x1b[?2004l'
const CURSOR_ON = '\x1b[?25h'
const CURSOR_OFF = '\x1b[?25l'
const ASK_BACKGROUND = '\x1b]11;?\x1b\\'

/** Ink writes a mark in place of the latest frame, with these sequences around it. */
const MARK = /!\d+/
const ESC = '\x1b'
const PASSED_ON = new RegExp(`${ESC}\\[\\?(?:25|2026)[hl]`, 'g')
/** Number of different marks. They are used in turn, since Ink keeps the measures of every text forever. */
const CHANGES = 64
/** Columns of the widest mark. */
const MARK_COLUMNS = 8

/** Ms after which a lone ESC is a key, not the beginning of a sequence. */
const ESCAPE_MS = 40
/** Ms without a change of size after which a window is no longer being dragged. */
const SETTLED_MS = 60
/** Ms after SIGTSTP; a program that runs then was not stopped, or has been continued. */
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
 * The terminal of a chat. It reports keys, and Ink draws on it as on a stream. Ink decides when to draw, and draws only
 * a mark; this class puts the lines of the frame on the screen in its place. Ink would make an object of every cell in
 * every frame and take coloured text apart, which costs more than the rest of the drawing. Nor does Ink learn the
 * window's size: it would clear the screen and the scrollback when its area becomes higher than a shrinking window.
 */
export class Terminal extends EventEmitter implements ChatTerminal {
  readonly isTTY = true
  readonly rows = Number.MAX_SAFE_INTEGER
  readonly columns = MARK_COLUMNS
  readonly writable = true
  private readonly screen = new Screen()
  private frame?: SizedFrame
  private drawing = 0
  /** Set if the next frame draws all visible lines again: on a wiped screen, or in place. */
  private pendingRepaint?: 'wiped' | 'in place'
  /** Columns of the narrowest window since the last drawing. */
  private narrowest = Number.POSITIVE_INFINITY
  private resizing?: NodeJS.Timeout
  private readonly reader = new KeyReader()
  private escape?: NodeJS.Timeout
  private isEntered = false
  private isLent = false
  /** Receives each key. May be replaced at any time. */
  onKey: (key: Key) => void = () => undefined
  /** Called once the terminal has gone away. Default: ends the program, as the signal does. */
  onHangUp: () => void = () => process.kill(process.pid, 'SIGHUP')

  constructor(
    private readonly input: ReadStream,
    private readonly output: WriteStream & { fd: number },
  ) {
    super()
  }

  get size(): WindowSize {
    return { columns: this.output.columns || 80, rows: this.output.rows || 24 }
  }

  /** Whether the next frame must have all visible lines, not only newly finished ones. */
  get isRepainting(): boolean {
    return this.pendingRepaint !== undefined
  }

  write(text: string, ...rest: [((error?: Error | null) => void)?]): boolean {
    if (this.isLent) return this.output.write('', ...rest)
    const around = text.match(PASSED_ON)?.join('') ?? ''
    return this.output.write(around + (MARK.test(text) ? this.drawn() : ''), ...rest)
  }

  /** The mark to write for these lines. Other lines have another mark. */
  markFor(frame: SizedFrame): string {
    const { frame: before } = this
    const isSame =
      before !== undefined &&
      !this.isRepainting &&
      frame.finished.length === 0 &&
      frame.live.length === before.live.length &&
      frame.live.every((line, i) => line === before.live[i])
    if (!isSame) this.drawing++
    // Finished lines that have not been written yet must not be lost.
    const waiting = this.isRepainting ? [] : (before?.finished ?? [])
    this.frame = { ...frame, finished: [...waiting, ...frame.finished] }
    return `!${this.drawing % CHANGES}`
  }

  /** Makes the next frame draw all visible lines again. */
  repaint(how: 'wiped' | 'in place'): void {
    this.pendingRepaint = this.pendingRepaint === 'wiped' ? 'wiped' : how
  }

  /** Begins to read keys one by one, without an echo, and pasted text as a whole. */
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

  /**
   * Asks for the colour of the background; the answer comes as a key. If the program ends before, the shell gets it.
   */
  askBackground(): void {
    this.output.write(ASK_BACKGROUND)
  }

  /** Restores the terminal. Harmless a second time. */
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
   * Stops the program as Ctrl-Z does, and continues it when the shell does. Continues at once if no shell could, as in
   * a container: the system does not stop a program there.
   */
  suspend(onReturn: () => void): void {
    this.giveAway()
    const resume = () => {
      clearTimeout(timer)
      process.off('SIGCONT', resume)
      this.takeBack()
      onReturn()
    }
    process.once('SIGCONT', resume)
    process.kill(process.pid, 'SIGTSTP')
    // Also keeps the program alive, which waits for no input now. The time runs while the program is stopped.
    const timer = setTimeout(resume, STOP_MS)
  }

  /** Lends the terminal to a program, which alone gets SIGINT meanwhile. */
  async lend<T>(work: () => Promise<T>): Promise<T> {
    this.giveAway()
    this.isLent = true
    const listeners = process.rawListeners('SIGINT') as (() => void)[]
    const ignore = () => undefined
    process.removeAllListeners('SIGINT').on('SIGINT', ignore)
    try {
      return await work()
    } finally {
      process.off('SIGINT', ignore)
      for (const listener of listeners) process.on('SIGINT', listener)
      this.isLent = false
      this.takeBack()
    }
  }

  send(sequence: string): void {
    this.output.write(sequence)
  }

  /** Erases the live area, and leaves the terminal as a shell wants it. */
  private giveAway(): void {
    writeSync(this.output.fd, this.screen.leave())
    this.leave()
  }

  /** Enters again; the next frame draws the live area. */
  private takeBack(): void {
    this.enter()
    this.output.write(CURSOR_OFF)
    const { frame, size } = this
    if (!frame) return
    this.frame = { ...frame, live: [] }
    if (frame.size.columns !== size.columns || frame.size.rows !== size.rows) this.resize()
  }

  /** Synchronous, since it must also work when an error ends the process. */
  private readonly restore = () => {
    try {
      this.input.setRawMode(false)
      writeSync(this.output.fd, PASTE_OFF + CURSOR_ON)
    } catch {
      // The terminal has gone away.
    }
  }

  /** SIGHUP alone would end the program without an 'exit' event. */
  private readonly hangUp = () => {
    this.leave()
    this.onHangUp()
  }

  /** The text that draws the frame. Empty if the window has changed since: a frame for the new size will come. */
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
   * Nothing is drawn while the window is dragged. Afterwards all visible lines are drawn again if lines may have been
   * broken, or live ones pushed out at the top; else the terminal has kept everything.
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
