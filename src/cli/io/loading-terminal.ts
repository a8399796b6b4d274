import { Terminal } from '../../terminal/screen/terminal.js'
import { interrupt, interruptSignal } from './interrupt.js'
import { note, type OutputOptions } from './output.js'
import { createStatusLine, type StatusLine } from './status-line.js'

/** The terminal while the model of a chat loads. It shows a line about it and keeps what is typed. */
export class LoadingTerminal {
  /** Aborted by Ctrl-C and SIGTERM, and by Ctrl-D if nothing has been typed. */
  readonly signal: AbortSignal
  /** The terminal, with the keys typed so far. Absent with TERM=dumb: such a terminal buffers lines itself. */
  readonly terminal?: Terminal
  /** Whether Ctrl-D ended the loading. */
  hasLeft = false
  private readonly status: StatusLine

  constructor(
    private readonly model: string,
    options: OutputOptions,
  ) {
    const ending = new AbortController()
    const interrupted = interruptSignal()
    interrupted.addEventListener('abort', () => ending.abort(interrupted.reason), { once: true })
    this.signal = ending.signal
    // Immediately, so that a second Ctrl-C is a signal that ends the process, not a key.
    this.signal.addEventListener('abort', () => this.leave(), { once: true })
    this.status = createStatusLine(options)
    if (process.env.TERM !== 'dumb') {
      const terminal = new Terminal(process.stdin, process.stdout, {
        interrupt: () => interrupt(130),
        leave: () => {
          this.hasLeft = true
          ending.abort()
        },
        suspend: () => {
          this.clear()
          terminal.suspend(() => this.show())
        },
      })
      terminal.enter()
      this.terminal = terminal
    }
    this.show()
  }

  /** Writes a line above the status line. */
  note(message: string): void {
    this.clear()
    note(message)
    this.show()
  }

  /** Removes the status line. */
  clear(): void {
    this.status.clear()
  }

  /** Restores the terminal. Drops unused keys, so that the shell does not receive them. */
  leave(): void {
    this.clear()
    this.terminal?.leave()
  }

  private show(): void {
    this.status.show(`loading ${this.model} ...`)
  }
}
