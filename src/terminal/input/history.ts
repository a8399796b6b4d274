import { appendFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { makeFolder } from '../../ground/files/folders.js'
import { readSmallFile } from '../../ground/files/small-file.js'
import { writeAtomically } from '../../ground/files/write-atomically.js'

/** Maximum entries in the file; older ones are removed when a conversation begins. */
const MOST = 1000
/** Maximum bytes of a file to read; a thousand entries have far fewer. */
const MOST_BYTES = 32 * 2 ** 20

/** Earlier inputs of the user. The file has a JSON string per line. Without one, the history lasts for this run. */
export class InputHistory {
  private at: number
  /** Texts that were not sent, by their index: recalled entries that were changed, and the newest text. */
  private readonly drafts = new Map<number, string>()

  private constructor(
    private readonly entries: string[],
    /** The file, readable only by its owner; without it, nothing more is kept. */
    public path?: string,
  ) {
    this.at = entries.length
  }

  /** Reads the history of earlier runs; without a path, begins an empty one that is not kept. */
  static async open(path?: string): Promise<InputHistory> {
    const bytes = path === undefined ? undefined : await readSmallFile(path, MOST_BYTES).catch(() => undefined)
    const text = new TextDecoder().decode(bytes)
    const all = text.split('\n').flatMap(entryOf)
    const entries = all.slice(-MOST)
    if (path !== undefined && all.length > entries.length) {
      await writeAtomically(path, [entries.map((entry) => `${JSON.stringify(entry)}\n`).join('')]).catch(() => {})
    }
    return new InputHistory(entries, path)
  }

  get isBrowsing(): boolean {
    return this.at < this.entries.length
  }

  /** The next older entry, if there is one; keeps the `current` text to return to. */
  older(current: string): string | undefined {
    return this.at === 0 ? undefined : this.go(-1, current)
  }

  /** The next newer entry, at the end the text before the first `older`; undefined if that is shown already. */
  newer(current: string): string | undefined {
    return this.isBrowsing ? this.go(1, current) : undefined
  }

  /** The newest entry that contains a text, or the one after `skipped` newer ones; repeated entries count once. */
  find(text: string, skipped = 0): string | undefined {
    if (text === '') return undefined
    const found = new Set(this.entries.filter((entry) => entry.includes(text)).reverse())
    return [...found][skipped]
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

/** Reads a line of the file; none for a line that a crash left incomplete. */
function entryOf(line: string): string[] {
  try {
    const entry: unknown = JSON.parse(line)
    return typeof entry === 'string' ? [entry] : []
  } catch {
    return []
  }
}

/** A search in earlier inputs for the newest with a text, or the one after `skipped` newer ones. */
export interface HistorySearch {
  text: string
  found?: string
  skipped: number
}
