import { EventEmitter } from 'node:events'
import { writeSync } from 'node:fs'
import { PassThrough } from 'node:stream'
import type { ReadStream, WriteStream } from 'node:tty'
import type { Background } from '../../insight/pictures/blocks/ramps.js'

// Writes these sequences; Ink writes all others. CSI is ESC [, OSC is ESC ], ST is ESC \.
const [ESC, BEL] = ['\u001b', '\u0007']
/** xterm ctlseqs, "Bracketed Paste Mode". */
const [PASTE_ON, PASTE_OFF] = [`${ESC}[?2004h`, `${ESC}[?2004l`]
/** DEC VT220, DECTCEM. */
const CURSOR_ON = `${ESC}[?25h`
/** OSC 11 (xterm ctlseqs, "Operating System Commands"). */
const ASK_BACKGROUND = `${ESC}]11;?${ESC}\\`
/** CSI H: the upper left corner; A and B: rows up and down; 2 K: erases a line (ECMA-48, 8.3.21, 19, 22, 41). */
const [HOME, ERASE_AND_DOWN, UP_AND_ERASE] = [`${ESC}[H`, `${ESC}[2K${ESC}[1B`, `${ESC}[1A${ESC}[2K`]

const REPORT = new RegExp(`${ESC}\\]11;rgba?:([0-9a-f/]+)(?:${BEL}|${ESC}\\\\)`, 'gi')
/** The beginning of a sequence at the end of a chunk. A report has at most 64 characters. */
const INCOMPLETE = new RegExp(`${ESC}(?:\\[[0-?]*[ -/]*|O|\\](?:1[^${BEL}${ESC}]{0,64}${ESC}?)?)?$`)

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

/** Actions of the keys that take effect while the model loads. */
export interface LoadingActions {
  interrupt(): void
  /** Ctrl-D, if nothing has been typed. */
  leave(): void
  suspend(): void
}

/**
 * The terminal of a chat. While a model loads, it keeps what is typed. The terminal is in raw mode from the start: in
 * line mode it would echo keys onto the screen, and Enter would arrive as a line feed.
 */
export class Terminal extends EventEmitter<{ resize: []; background: [Background] }> {
  /** The typed text, as a stream for Ink. This class sets the terminal's mode, not Ink. */
  readonly keys = Object.assign(new PassThrough({ encoding: 'utf8' }), {
    isTTY: true,
    setRawMode() {},
    ref() {},
    unref() {},
  })
  /** The beginning of a sequence whose rest has not come yet. */
  private held = ''
  private escape?: NodeJS.Timeout
  private resizing?: NodeJS.Timeout
  private narrowest = Number.POSITIVE_INFINITY
  private isEntered = false
  /** Called once the terminal has gone away. Default: ends the program, as the signal does. */
  onHangUp: () => void = () => process.kill(process.pid, 'SIGHUP')

  constructor(
    private readonly input: ReadStream,
    private readonly output: WriteStream & { fd: number },
    /** Absent once the chat has the keys. */
    private loading?: LoadingActions,
  ) {
    super()
  }

  get size(): WindowSize {
    return { columns: this.output.columns || 80, rows: this.output.rows || 24 }
  }

  /** The model is there: from now on all keys go to Ink. */
  endLoading(): void {
    this.loading = undefined
  }

  /** Writes a drawing, and nothing while the window is dragged. */
  draw(text: string, done?: (error?: Error | null) => void): boolean {
    return this.output.write(this.resizing ? '' : text, done)
  }

  /** Columns of the narrowest window since the last call. */
  takeNarrowest(): number {
    const { narrowest } = this
    this.narrowest = Number.POSITIVE_INFINITY
    return Math.min(narrowest, this.size.columns)
  }

  /** Erases rows above the cursor, or all: line by line, or some terminals copy the screen to the scrollback. */
  erase(rows: number | 'all'): void {
    const erase =
      rows === 'all' ? HOME + ERASE_AND_DOWN.repeat(this.size.rows) + HOME : `\r${UP_AND_ERASE.repeat(rows)}`
    this.output.write(erase)
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

  /** Asks for the colour of the background. If the program ends before the answer, the shell gets it. */
  askBackground(): void {
    this.output.write(ASK_BACKGROUND)
  }

  /** Restores the terminal. Harmless a second time. */
  leave(): void {
    if (!this.isEntered) return
    this.isEntered = false
    clearTimeout(this.escape)
    clearTimeout(this.resizing)
    this.resizing = undefined
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
    this.leave()
    const resume = () => {
      clearTimeout(timer)
      process.off('SIGCONT', resume)
      this.enter()
      onReturn()
    }
    process.once('SIGCONT', resume)
    process.kill(process.pid, 'SIGTSTP')
    // Also keeps the program alive, which waits for no input now. The time runs while the program is stopped.
    const timer = setTimeout(resume, STOP_MS)
  }

  /** Lends the terminal to a program, which alone gets SIGINT meanwhile. */
  async lend<T>(work: () => Promise<T>): Promise<T> {
    this.leave()
    const listeners = process.rawListeners('SIGINT') as (() => void)[]
    const ignore = () => undefined
    process.removeAllListeners('SIGINT').on('SIGINT', ignore)
    try {
      return await work()
    } finally {
      process.off('SIGINT', ignore)
      for (const listener of listeners) process.on('SIGINT', listener)
      this.enter()
    }
  }

  send(sequence: string): void {
    this.output.write(sequence)
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

  /** Hands whole sequences over: Ink takes a sequence whose rest comes later for the Escape key and a text. */
  private readonly read = (chunk: string) => {
    clearTimeout(this.escape)
    const text = (this.held + chunk).replace(REPORT, (_, colour: string) => {
      this.emit('background', isLight(colour) ? 'light' : 'dark')
      return ''
    })
    this.held = INCOMPLETE.exec(text)?.[0] ?? ''
    this.pass(text.slice(0, text.length - this.held.length))
    if (this.held === ESC) {
      this.escape = setTimeout(() => {
        this.held = ''
        this.pass(ESC)
      }, ESCAPE_MS)
    }
  }

  private pass(text: string): void {
    // Most terminals send DEL for the Backspace key. Ink takes it for the Delete key.
    const typed = text.replaceAll('\x7f', '\b')
    const { loading, keys } = this
    if (!loading) return void keys.write(typed)
    for (const character of typed) {
      if (character === '\x03') loading.interrupt()
      else if (character === '\x1a') loading.suspend()
      else if (character === '\x04' && keys.readableLength === 0) loading.leave()
      // Enter, typed before the terminal was in raw mode.
      else keys.write(character === '\n' ? '\r' : character)
    }
  }

  private readonly resize = () => {
    this.narrowest = Math.min(this.narrowest, this.size.columns)
    clearTimeout(this.resizing)
    this.resizing = setTimeout(() => {
      this.resizing = undefined
      this.emit('resize')
    }, SETTLED_MS)
  }
}

/** Whether a colour is nearer to white than to black; its channels are hexadecimal, with slashes between. */
function isLight(colour: string): boolean {
  const [red = 0, green = 0, blue = 0] = colour.split('/').map((digits) => {
    return Number.parseInt(digits, 16) / (16 ** digits.length - 1)
  })
  return 0.3 * red + 0.59 * green + 0.11 * blue > 0.5
}
