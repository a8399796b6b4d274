/** The user (Ctrl-C) or the system (SIGTERM) wants the command to end. */
export class Interruption extends Error {
  override name = 'Interruption'

  /** 128 and the signal's number, as a shell has it. */
  constructor(readonly exitCode: 130 | 143) {
    super('interrupted')
  }
}

const controller = new AbortController()
let listening = false

/**
 * Aborted, with an Interruption as the reason, by the first SIGINT or SIGTERM, so that a command can put out what it
 * has. The second one ends the process at once, as if nobody listened.
 */
export function interruptSignal(): AbortSignal {
  if (!listening) {
    listening = true
    process.on('SIGINT', onInterrupt)
    process.on('SIGTERM', onTerminate)
  }
  return controller.signal
}

/** What ended the command early, if anything did. */
export function interruption(): Interruption | undefined {
  return controller.signal.reason
}

function onInterrupt(): void {
  interrupt(130)
}

function onTerminate(): void {
  interrupt(143)
}

/** Does what the first signal does: for a terminal in raw mode, where Ctrl-C is a key and no SIGINT. */
export function interrupt(exitCode: 130 | 143): void {
  process.off('SIGINT', onInterrupt)
  process.off('SIGTERM', onTerminate)
  controller.abort(new Interruption(exitCode))
}
