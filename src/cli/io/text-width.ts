import { fstatSync } from 'node:fs'
import { isatty, WriteStream } from 'node:tty'

/**
 * Columns for lines of text on stdout. A terminal has its own. A pipe mostly ends at a pager in the terminal of stderr or
 * stdin, unless `COLUMNS` gives another width. Undefined, for no limit, if stdout is a file or no terminal is there.
 */
export function textColumns(): number | undefined {
  if (process.stdout.isTTY) return process.stdout.columns || undefined
  if (isFile(1)) return undefined
  const given = Number(process.env.COLUMNS)
  if (Number.isInteger(given) && given > 0) return given
  return (process.stderr.isTTY ? process.stderr.columns : columnsOfInput()) || undefined
}

/** Columns of the terminal that stdin reads. */
function columnsOfInput(): number | undefined {
  return isatty(0) ? new WriteStream(0).columns : undefined
}

function isFile(descriptor: number): boolean {
  try {
    return fstatSync(descriptor).isFile()
  } catch {
    // A closed descriptor.
    return false
  }
}
