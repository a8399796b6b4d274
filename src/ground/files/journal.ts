import { type FileHandle, open } from 'node:fs/promises'
import { parseJson } from '../json/json.js'
import { cannotWrite } from './folders.js'
import { readSmallFile } from './small-file.js'
import { writeAtomically } from './write-atomically.js'

/** Maximum bytes of a journal: far more than the largest model has parts or experts. */
const MOST_BYTES = 2 ** 28

const NEWLINE = 0x0a

/**
 * Journal of work that survives a kill: a line of JSON that says what the work is, then one for each piece of it that is
 * done. After a power cut it may be ahead of other files.
 */
export class Journal {
  private constructor(
    private readonly path: string,
    private readonly handle: FileHandle,
  ) {}

  /**
   * Reads the lines of an earlier process; none if there is no file. A line that was cut off is dropped, one that is not
   * JSON is undefined. Rejects with a UserError if the file cannot be read or is far too long.
   */
  static async read(path: string): Promise<unknown[]> {
    const bytes = (await readSmallFile(path, MOST_BYTES)) ?? new Uint8Array()
    const lines: unknown[] = []
    for (let at = 0, end = bytes.indexOf(NEWLINE); end >= 0; at = end + 1, end = bytes.indexOf(NEWLINE, at)) {
      lines.push(parsed(bytes.subarray(at, end)))
    }
    return lines
  }

  /** Begins a journal with the lines that are known to be right. Replaces an earlier journal atomically. */
  static async create(path: string, lines: readonly unknown[]): Promise<Journal> {
    await writeAtomically(path, [lines.map(lineOf).join('')], { partial: `${path}.new` })
    return new Journal(path, await written(path, open(path, 'a')))
  }

  /** Adds a line. It survives the end of this process at once, and a power cut after sync. */
  append(line: unknown): Promise<void> {
    return written(this.path, this.handle.appendFile(lineOf(line)))
  }

  sync(): Promise<void> {
    return written(this.path, this.handle.datasync())
  }

  close(): Promise<void> {
    return this.handle.close()
  }
}

function written<T>(path: string, work: Promise<T>): Promise<T> {
  return work.catch((error: unknown) => {
    throw cannotWrite(path, error)
  })
}

function lineOf(value: unknown): string {
  return `${JSON.stringify(value)}\n`
}

function parsed(line: Uint8Array): unknown {
  try {
    return parseJson(line, 'journal')
  } catch {
    return undefined
  }
}
