import { constants } from 'node:os'
import { endBySignal } from '../ground/platform/process.js'
import type { Chat } from './conversation/chat-state.js'
import type { Terminal } from './screen/terminal.js'

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
type Signal = (typeof SIGNALS)[number]

/**
 * Signals while a chat is open. The first one leaves time to end the chat in order: without a listener here, Ink would
 * end the process. A second one ends it at once, unless the terminal has gone away.
 */
export class ChatSignals {
  private resolve = () => {}
  readonly next = new Promise<void>((resolve) => {
    this.resolve = resolve
  })
  received?: Signal

  constructor(
    private readonly chat: Chat,
    terminal?: Terminal,
  ) {
    if (terminal) terminal.onHangUp = () => undefined
    for (const signal of SIGNALS) process.on(signal, this.receive)
  }

  close(): void {
    for (const signal of SIGNALS) process.off(signal, this.receive)
  }

  private readonly receive = (signal: Signal) => {
    // A window that is closed often sends two.
    if (this.received && signal !== 'SIGHUP') {
      endBySignal(signal)
      process.exit(128 + constants.signals[signal])
    }
    const isFirst = !this.received
    this.received ??= signal
    this.resolve()
    // The command line knows about the other two.
    if (!isFirst || signal !== 'SIGHUP') return
    // Node fails when it resets a terminal that has gone away.
    process.once('exit', () => {
      process.removeAllListeners('SIGHUP')
      process.kill(process.pid, 'SIGHUP')
    })
    this.chat.end()
  }
}
