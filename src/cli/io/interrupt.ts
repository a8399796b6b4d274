import { writePrintable } from '../../ground/output/write-printable.js'
import { endBySignal, exitNow } from '../../ground/platform/process.js'
import { endThreads } from '../../ground/platform/threads.js'

/** The request to end the command, from the user (Ctrl-C) or the system (SIGTERM). */
export class Interruption extends Error {
  override name = 'Interruption'

  /** 128 plus the number of the signal, as in a shell. */
  constructor(readonly exitCode: 130 | 143) {
    super('interrupted')
  }
}

const controller = new AbortController()
let listening = false

/**
 * Aborted by the first SIGINT or SIGTERM, with an Interruption as the reason, so that the command can print what it has.
 * The second signal ends the process at once.
 */
export function interruptSignal(): AbortSignal {
  if (!listening) {
    listening = true
    process.on('SIGINT', onInterrupt)
    process.on('SIGTERM', onTerminate)
  }
  return controller.signal
}

/** The interruption that ended the command, if there was one. */
export function interruption(): Interruption | undefined {
  return controller.signal.reason
}

const onInterrupt = () => interrupt(130)
const onTerminate = () => interrupt(143)

/** Acts like the first signal. A terminal in raw mode needs it, since Ctrl-C is a key there, not a SIGINT. */
export function interrupt(exitCode: 130 | 143): void {
  process.off('SIGINT', onInterrupt)
  process.off('SIGTERM', onTerminate)
  controller.abort(new Interruption(exitCode))
}

/** Signals by the exit code of a command that they have interrupted, which is also what a shell makes of them. */
const SIGNALS: Partial<Record<number, 'SIGINT' | 'SIGTERM'>> = { 130: 'SIGINT', 143: 'SIGTERM' }

/**
 * Lets the process end after a command, once its output is written. If a signal has interrupted the command, it ends the
 * process, too: a shell then ends the loop around the command. Node ends the process in all other cases, unless it cannot
 * end the threads that are left, since it would wait for them for ever.
 */
export async function end(): Promise<void> {
  await new Promise<unknown>((resolve) => writePrintable(process.stdout, '', resolve))
  await new Promise<unknown>((resolve) => writePrintable(process.stderr, '', resolve))
  const signal = SIGNALS[Number(process.exitCode)]
  if (signal) endBySignal(signal)
  if (!(await endThreads())) exitNow()
}
