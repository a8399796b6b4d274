import { openSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { ReadStream } from 'node:tty'
import { writeErr } from './output.js'

/** Milliseconds before a question, in order to drop lines that were typed earlier. */
const EARLIER = 100

/**
 * Asks the user a question on the terminal and resolves with the line typed; empty after Ctrl-D. A line that was typed
 * before the question is no answer to it. Stdin may be a pipe: the answer comes from the terminal. Resolves with undefined
 * if the user cannot see the question or cannot answer. Rejects with the reason of the signal when aborted.
 */
export async function askUser(question: string, signal: AbortSignal): Promise<string | undefined> {
  const input = process.stderr.isTTY ? openTerminal() : undefined
  if (!input) return undefined
  // The terminal echoes and edits the line, and turns Ctrl-C into a signal.
  const lines = createInterface({ input, terminal: false })
  try {
    return await new Promise<string>((resolve, reject) => {
      const stop = () => reject(signal.reason)
      if (signal.aborted) return stop()
      signal.addEventListener('abort', stop, { once: true })
      const asking = setTimeout(() => {
        lines.once('line', resolve)
        writeErr(question)
      }, EARLIER)
      lines.once('close', () => {
        clearTimeout(asking)
        signal.removeEventListener('abort', stop)
        resolve('')
      })
    })
  } finally {
    lines.close()
    input.destroy()
  }
}

/** The keyboard of the terminal; undefined without one. */
function openTerminal(): ReadStream | undefined {
  try {
    const path = process.platform === 'win32' ? '\\\\.\\CONIN$' : '/dev/tty'
    return new ReadStream(openSync(path, 'r'))
  } catch {
    return undefined
  }
}
