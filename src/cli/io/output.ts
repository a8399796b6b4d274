import { codeOf } from '../../ground/errors.js'
import { cellWidth } from '../../ground/output/cell-width.js'
import { writePrintable } from '../../ground/output/write-printable.js'
import { printableLines } from '../../ground/printable.js'

/** Options about what a command prints besides its result. */
export interface OutputOptions {
  quiet?: boolean
  verbose?: boolean
  color?: boolean
}

/** The reader of stdout has closed the pipe (`molm ... | head`). The command ends without an error. */
export class ClosedPipe extends Error {
  override name = 'ClosedPipe'
}

/**
 * Keeps a closed pipe from ending the process with a stack trace. `writeOut` rejects if stdout is closed; writes to a
 * closed stderr are lost.
 */
export function toleratePipes(): void {
  process.stdout.on('error', () => {})
  process.stderr.on('error', () => {})
}

/**
 * Writes to stdout and resolves once it is written. Removes control characters other than colours from a text for a
 * terminal. Rejects with ClosedPipe, or with a UserError if stdout cannot be written.
 */
export function writeOut(text: string | Uint8Array): Promise<void> {
  if (text.length === 0) return Promise.resolve()
  return new Promise((resolve, reject) => {
    writePrintable(process.stdout, text, (error) => {
      if (!error) resolve()
      else if (CLOSED.has(codeOf(error) ?? '')) reject(new ClosedPipe())
      // Loaded on demand: it is seldom needed.
      else
        import('../../ground/files/folders.js').then(({ cannotWrite }) => reject(cannotWrite('stdout', error)), reject)
    })
  })
}

/** Writes to stderr, as `writeOut` to stdout, but waits for nothing. */
export function writeErr(text: string): void {
  writePrintable(process.stderr, text)
}

/** Writes a value to stdout as a line of JSON. */
export function writeJson(value: unknown): Promise<void> {
  return writeOut(`${JSON.stringify(value)}\n`)
}

const CLOSED = new Set(['EPIPE', 'ERR_STREAM_DESTROYED', 'EOF'])

/** Prints a line for the user to stderr, wrapped at blanks to the width of the terminal. */
export function note(message: string): void {
  const text = `molm: ${printableLines(message)}`
  writeErr(`${process.stderr.isTTY ? wrapWords(text, process.stderr.columns || 80) : text}\n`)
}

/** Prints warnings for the user, unless the options silence them. */
export const warner =
  ({ quiet }: OutputOptions) =>
  (message: string): void => {
    if (!quiet) note(`warning: ${message}`)
  }

/** Whether stderr is a terminal on which status lines may be drawn. */
export function mayAnimate(options: OutputOptions): boolean {
  const { NO_COLOR, TERM } = process.env
  return process.stderr.isTTY === true && options.color !== false && !options.quiet && !NO_COLOR && TERM !== 'dumb'
}

/**
 * Wraps lines that are wider than a terminal below their own indentation, at blanks only: paths and numbers stay in one
 * piece.
 */
export function wrapWords(text: string, columns: number): string {
  return text
    .split('\n')
    .map((line) => (cellWidth(line) <= columns ? line : wrapLine(line, columns)))
    .join('\n')
}

function wrapLine(line: string, columns: number): string {
  // Half of the window stays for the words.
  const indent = ' '.repeat(Math.min(line.length - line.trimStart().length, Math.floor(columns / 2)))
  // A term and its explanation become one paragraph: two columns would leave room for three words.
  const [first, ...words] = line.trim().replace(/ {2,}/g, '  ').split(' ')
  let wrapped = indent + first
  let used = cellWidth(wrapped)
  for (const word of words) {
    const size = cellWidth(word)
    const fits = used + 1 + size <= columns
    wrapped += fits ? ` ${word}` : `\n${indent}  ${word}`
    used = fits ? used + 1 + size : indent.length + 2 + size
  }
  return wrapped
}
