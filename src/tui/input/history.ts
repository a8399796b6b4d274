import { appendFile, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { readSmallFile } from '../../checkpoint/small-file.js'
import { makeFolder } from '../../files/folders.js'

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
  /** What was written and not sent, by the place where it stands: lines that were changed on the way, and the newest. */
  private readonly drafts = new Map<number, string>()

  private constructor(
    private readonly entries: string[],
    /** File in which it is kept, readable by its owner alone; absent where it is not kept. */
    public path?: string,
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

  /** Whether an earlier entry stands in the input. */
  get isBrowsing(): boolean {
    return this.at < this.entries.length
  }

  /** The next older entry, if there is one; `current` is kept for coming back. */
  older(current: string): string | undefined {
    return this.at === 0 ? undefined : this.go(-1, current)
  }

  /** The next newer entry, at last what stood there before going back. */
  newer(current: string): string | undefined {
    return this.isBrowsing ? this.go(1, current) : undefined
  }

  /** The newest entry with a text in it, or the one found `skipped` entries further back. */
  find(text: string, skipped = 0): string | undefined {
    if (text === '') return undefined
    const found = new Set(this.entries.filter((entry) => entry.includes(text)).reverse())
    return [...found][skipped]
  }

  /** Keeps nothing from now on. */
  stopKeeping(): void {
    this.path = undefined
  }

  private go(by: 1 | -1, current: string): string {
    if (current === this.entries[this.at]) this.drafts.delete(this.at)
    else this.drafts.set(this.at, current)
    this.at += by
    return this.drafts.get(this.at) ?? this.entries[this.at] ?? ''
  }

  async add(entry: string): Promise<void> {
    const isNew = this.entries.at(-1) !== entry
    if (isNew) this.entries.push(entry)
    this.at = this.entries.length
    this.drafts.clear()
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
