import { isUtf8 } from 'node:buffer'
import { fstatSync } from 'node:fs'
import type { Readable } from 'node:stream'
import { UsageError, UserError } from '../../ground/errors.js'
import { note } from './output.js'

/** Maximum bytes to read: millions of tokens, far more than any model can use. */
const MOST_BYTES = 16 * 2 ** 20

/** Ms to wait before a note about it: most piped text arrives sooner. */
const PATIENCE_MS = 3000

/** The name of stdin in place of a file. */
export const STDIN = '-'

/** Streams that have been read; each can be read only once. */
const taken = new WeakSet<Readable>()

/**
 * Reads the text piped into stdin, without one newline at its end. Undefined if stdin is a terminal or empty, or was
 * already read as a file. If it is `asked` for, by a `-` among the words, a terminal is read up to Ctrl-D. Rejects with the
 * reason of the signal when aborted.
 */
export async function readPipedText(options: {
  quiet?: boolean
  asked?: boolean
  signal: AbortSignal
}): Promise<string | undefined> {
  if (taken.has(process.stdin) || !(options.asked || isPiped())) return undefined
  const bytes = await readPatiently(options)
  const text = new TextDecoder().decode(bytes)
  if (!options.quiet && !isUtf8(bytes)) {
    note('warning: stdin is not valid UTF-8; invalid bytes are replaced by \ufffd')
  }
  return text.replace(/\r?\n$/, '')
}

/** Reads all bytes of stdin, named as a file: `-`. */
export async function readStdin(signal: AbortSignal): Promise<Buffer> {
  checkUnread()
  return readPatiently({ signal })
}

/** Stdin as a stream, without a limit of its size. */
export function takeStdin(): Readable {
  checkUnread()
  taken.add(process.stdin)
  return process.stdin
}

function checkUnread(): void {
  if (taken.has(process.stdin)) throw new UsageError("'-' can name one file only: stdin is read once")
}

/** Separates a `-`, which asks for stdin, from the words of a prompt. */
export function withoutStdin(words: readonly string[]): { words: string[]; asked: boolean } {
  return { words: words.filter((word) => word !== STDIN), asked: words.includes(STDIN) }
}

async function readPatiently(options: { quiet?: boolean; signal: AbortSignal }): Promise<Buffer> {
  taken.add(process.stdin)
  const waiting = setTimeout(() => {
    if (!options.quiet && !process.stdin.isTTY) note('waiting for text on stdin (run with </dev/null if there is none)')
  }, PATIENCE_MS)
  try {
    return await readAll(options.signal)
  } finally {
    clearTimeout(waiting)
  }
}

/** Joins files and piped text with the arguments, which come last, by newlines. */
export function joinPrompt(texts: readonly (string | undefined)[], words: readonly string[]): string {
  return [...texts, words.join(' ')].filter((text) => text).join('\n')
}

/** Whether stdin can have text. /dev/null, which services and schedulers use as stdin, is a device and has none. */
function isPiped(): boolean {
  if (process.stdin.isTTY) return false
  try {
    const stat = fstatSync(process.stdin.fd)
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
      if (bytes > MOST_BYTES) throw new UserError('stdin has more than 16 MiB of text, which is too much')
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
