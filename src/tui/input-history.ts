import { appendFile, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { readSmallFile } from '../checkpoint/small-file.js'
import { makeFolder } from '../files/folders.js'

/** Entries kept; older ones go when a conversation begins. */
const MOST = 1000
/** A longer file is not read; a thousand entries have far less. */
const MOST_BYTES = 32 * 2 ** 20

/**
 * What the user wrote before, from one run to the next: a JSON text a line. A history that cannot be read or written is
 * no reason not to talk: it then lasts for this run.
 */
export class InputHistory {
  private at: number
  /** What stood in the input before the user went back. */
  private draft = ''

  private constructor(
    private readonly entries: string[],
    /** File in which it is kept, readable by its owner alone; absent where it is not kept. */
    readonly path?: string,
  ) {
    this.at = entries.length
  }

  /** Reads the history of earlier runs; without a path there is none, and none is kept. */
  static async open(path?: string): Promise<InputHistory> {
    const bytes = path === undefined ? undefined : await readSmallFile(path, MOST_BYTES).catch(() => undefined)
    const text = new TextDecoder().decode(bytes)
    const all = text.split('\n').flatMap(entryOf)
    const entries = all.slice(-MOST)
    if (path !== undefined && all.length > entries.length) {
      await writeFile(path, entries.map((entry) => `${JSON.stringify(entry)}\n`).join('')).catch(() => {})
    }
    return new InputHistory(entries, path)
  }

  /** The next older entry, if there is one; `current` is kept for coming back. */
  older(current: string): string | undefined {
    if (this.at === 0) return undefined
    if (this.at === this.entries.length) this.draft = current
    return this.entries[--this.at]
  }

  /** The next newer entry, at last what stood there before going back. */
  newer(): string | undefined {
    if (this.at >= this.entries.length) return undefined
    this.at++
    return this.entries[this.at] ?? this.draft
  }

  async add(entry: string): Promise<void> {
    const isNew = this.entries.at(-1) !== entry
    if (isNew) this.entries.push(entry)
    this.at = this.entries.length
    if (!isNew || this.path === undefined) return
    try {
      await makeFolder(dirname(this.path))
      await appendFile(this.path, `${JSON.stringify(entry)}\n`, { mode: 0o600 })
    } catch {}
  }
}

/** A line of the file; what a crash left half written is passed over. */
function entryOf(line: string): string[] {
  try {
    const entry: unknown = JSON.parse(line)
    return typeof entry === 'string' ? [entry] : []
  } catch {
    return []
  }
}
