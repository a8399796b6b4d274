import { codeOf } from '../../errors.js'
import { printableLines, printableOutput } from '../../printable.js'
import { wrapWords } from './wrap-words.js'

/** How a command speaks to the terminal. */
export interface OutputOptions {
  quiet?: boolean
  verbose?: boolean
  color?: boolean
}

/** The reader of stdout has gone away (`molm ... | head`): the command ends, and nothing is wrong. */
export class ClosedPipe extends Error {
  override name = 'ClosedPipe'
}

/**
 * Keeps a stream whose reader has gone away from ending the process with a stack trace. Writers to stdout learn of it
 * from `writeOut`; what would have gone to a closed stderr is lost.
 */
export function toleratePipes(): void {
  process.stdout.on('error', () => {})
  process.stderr.on('error', () => {})
}

/**
 * Writes to stdout and resolves once it is out. Of a text, a terminal gets nothing but letters and colours. Rejects with
 * ClosedPipe, or a UserError when the disk is full.
 */
export function writeOut(text: string | Uint8Array): Promise<void> {
  if (text.length === 0) return Promise.resolve()
  return new Promise((resolve, reject) => {
    const isForReaders = process.stdout.isTTY && typeof text === 'string'
    process.stdout.write(isForReaders ? printableOutput(text) : text, (error) => {
      if (!error) resolve()
      else if (CLOSED.has(codeOf(error) ?? '')) reject(new ClosedPipe())
      // Read when it is needed, which is seldom.
      else import('../../files/folders.js').then(({ cannotWrite }) => reject(cannotWrite('stdout', error)), reject)
    })
  })
}

/** Writes a value to stdout as a line of JSON. */
export function writeJson(value: unknown): Promise<void> {
  return writeOut(`${JSON.stringify(value)}\n`)
}

const CLOSED = new Set(['EPIPE', 'ERR_STREAM_DESTROYED', 'EOF'])

/** A line on stderr for the person at the terminal, broken at blanks if the terminal is narrower. */
export function note(message: string): void {
  const text = `molm: ${printableLines(message)}`
  process.stderr.write(`${process.stderr.isTTY ? wrapWords(text, process.stderr.columns || 80) : text}\n`)
}

/** Whether stderr may be drawn on: a terminal, whose user has not asked for plain text. */
export function mayAnimate(options: OutputOptions): boolean {
  const { NO_COLOR, TERM } = process.env
  return process.stderr.isTTY === true && options.color !== false && !options.quiet && !NO_COLOR && TERM !== 'dumb'
}
