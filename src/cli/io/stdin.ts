import { isUtf8 } from 'node:buffer'
import { fstatSync } from 'node:fs'
import type { Readable } from 'node:stream'
import { UsageError, UserError } from '../../errors.js'
import { note } from './output.js'

/** Most that is read: some millions of tokens, far more than any model can use. */
const MOST_BYTES = 16 * 2 ** 20

/** So long nothing is said about waiting: most of what is piped has come by then. */
const PATIENCE_MS = 3000

/** What stands for stdin where a file is wanted. */
export const STDIN = '-'

let isRead = false

/**
 * All text piped into stdin, without one newline at its end; undefined when stdin is a terminal or nothing, or was read
 * as a file already. Where it is `asked` for, by a `-` among the words, a terminal is read up to Ctrl-D. Rejects with the
 * signal's reason when aborted.
 */
export async function readPipedText(options: {
  quiet?: boolean
  asked?: boolean
  signal: AbortSignal
}): Promise<string | undefined> {
  if (options.asked ? isRead : isRead || !isPiped()) return undefined
  const bytes = await readPatiently(options)
  const text = new TextDecoder().decode(bytes)
  if (!options.quiet && !isUtf8(bytes)) {
    note('warning: stdin is not valid UTF-8; what cannot be read is replaced by \ufffd')
  }
  return text.replace(/\r?\n$/, '')
}

/** All bytes of stdin, where it stands for a file: `-`. */
export async function readStdin(signal: AbortSignal): Promise<Buffer> {
  checkUnread()
  return readPatiently({ signal })
}

/** The same for a reader that takes it piece by piece, however much it is. */
export function takeStdin(): Readable {
  checkUnread()
  isRead = true
  return process.stdin
}

function checkUnread(): void {
  if (isRead) throw new UsageError("'-' can stand for one file only: stdin is read once")
}

/** The words of a prompt, and whether a `-` among them asks for stdin. */
export function withoutStdin(words: readonly string[]): { words: string[]; asked: boolean } {
  return { words: words.filter((word) => word !== STDIN), asked: words.includes(STDIN) }
}

async function readPatiently(options: { quiet?: boolean; signal: AbortSignal }): Promise<Buffer> {
  isRead = true
  const waiting = setTimeout(() => {
    if (!options.quiet && !process.stdin.isTTY)
      note('waiting for text on stdin (run with </dev/null when there is none)')
  }, PATIENCE_MS)
  try {
    return await readAll(options.signal)
  } finally {
    clearTimeout(waiting)
  }
}

/** Files and piped text first, then the arguments, with a newline between. */
export function joinPrompt(texts: readonly (string | undefined)[], words: readonly string[]): string {
  return [...texts, words.join(' ')].filter((text) => text).join('\n')
}

/** /dev/null, which services and schedulers give their commands, is a device and has no text. */
function isPiped(): boolean {
  if (process.stdin.isTTY) return false
  try {
    const stat = fstatSync(0)
    return stat.isFIFO() || stat.isFile() || stat.isSocket()
  } catch {
    return false
  }
}

async function readAll(signal: AbortSignal): Promise<Buffer> {
  const stop = () => process.stdin.destroy(signal.reason)
  signal.addEventListener('abort', stop, { once: true })
  const chunks: Buffer[] = []
  try {
    let bytes = 0
    for await (const chunk of process.stdin) {
      chunks.push(chunk)
      bytes += chunk.length
      if (bytes > MOST_BYTES)
        throw new UserError('stdin has more than 16 MiB of text, which is too much to read at once')
    }
  } catch (error) {
    signal.throwIfAborted()
    if (error instanceof UserError) throw error
    throw new UserError(`stdin cannot be read: ${(error as Error).message}`)
  } finally {
    signal.removeEventListener('abort', stop)
  }
  return Buffer.concat(chunks)
}
