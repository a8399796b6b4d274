import { UserError } from '../../errors.js'
import { printableLines, printableOutput } from '../../printable.js'
import { wrapWords } from './wrap-words.js'

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
      else if (CLOSED.has((error as NodeJS.ErrnoException).code ?? '')) reject(new ClosedPipe())
      else reject(new UserError(`stdout cannot be written: ${error.message}`))
    })
  })
}

const CLOSED = new Set(['EPIPE', 'ERR_STREAM_DESTROYED', 'EOF'])

/** A line on stderr for the person at the terminal, broken at blanks if the terminal is narrower. */
export function note(message: string): void {
  const text = `molm: ${printableLines(message)}`
  process.stderr.write(`${process.stderr.isTTY ? wrapWords(text, process.stderr.columns || 80) : text}\n`)
}

/** Whether stderr may be drawn on: a terminal, whose user has not asked for plain text. */
export function mayAnimate(options: { color?: boolean; quiet?: boolean }): boolean {
  const { NO_COLOR, TERM } = process.env
  return process.stderr.isTTY === true && options.color !== false && !options.quiet && !NO_COLOR && TERM !== 'dumb'
}
