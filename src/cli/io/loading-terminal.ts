import { Terminal } from '../../tui/screen/terminal.js'
import { TypedAhead } from '../../tui/screen/typed-ahead.js'
import { interrupt, interruptSignal } from './interrupt.js'
import { note, type OutputOptions } from './output.js'
import { createStatusLine, type StatusLine } from './status-line.js'

/** The terminal of a chat while the model loads: a line says so, and what is typed waits. */
export class LoadingTerminal {
  /** Aborted by Ctrl-C and SIGTERM, and by Ctrl-D as long as nothing has been typed. */
  readonly signal: AbortSignal
  /** What is typed. Absent with TERM=dumb: such a terminal keeps lines by itself. */
  readonly typed?: TypedAhead
  /** Whether Ctrl-D ended the loading. */
  hasLeft = false
  private readonly status?: StatusLine
  private readonly terminal = new Terminal(process.stdin, process.stdout)

  constructor(
    private readonly model: string,
    options: OutputOptions,
  ) {
    const ending = new AbortController()
    const interrupted = interruptSignal()
    interrupted.addEventListener('abort', () => ending.abort(interrupted.reason), { once: true })
    this.signal = ending.signal
    // At once: until then a second Ctrl-C would be a key, and no signal that ends the process.
    this.signal.addEventListener('abort', () => this.leave(), { once: true })
    this.status = createStatusLine(options)
    if (process.env.TERM !== 'dumb') {
      this.typed = new TypedAhead(this.terminal, {
        interrupt: () => interrupt(130),
        leave: () => {
          this.hasLeft = true
          ending.abort()
        },
        suspend: () => {
          this.clear()
          this.terminal.suspend(() => this.show())
        },
      })
    }
    this.show()
  }

  /** Writes a line above that of the loading. */
  note(message: string): void {
    this.clear()
    note(message)
    this.show()
  }

  /** Takes the line away. */
  clear(): void {
    this.status?.clear()
  }

  /** Gives the terminal back as it was. What was typed and not used is gone: no shell gets it. */
  leave(): void {
    this.clear()
    this.terminal.leave()
  }

  private show(): void {
    this.status?.show(`loading ${this.model} ...`)
  }
}
