import { type FileHandle, open } from 'node:fs/promises'
import { readSmallFile } from '../../checkpoint/small-file.js'
import { cannotWrite } from '../../files/folders.js'
import { writeAtomically } from '../../files/write-atomically.js'
import { fields, isCount, isFlag, isText, listOf } from '../../json/forms.js'
import { parseJsonObject } from '../../json.js'
import type { PartChecksums } from '../format/packed-metadata.js'
import type { NonFinite } from './pack.js'

/**
 * Maximum bytes of a journal; a longer one is ignored. The largest model that is read has 65,536 parts, and a part
 * takes some 500 bytes.
 */
const MOST_BYTES = 64 * 2 ** 20

const NEWLINE = 0x0a

/** Properties of a half-written packed file. It is resumed only if all of them are the same. */
export interface JournalIdentity {
  source: string
  commit: string
  /** layoutIdentity of the packed file. */
  layout: string
  /** Whether the entries list what was read. */
  hasReads: boolean
}

/** Range of a checkpoint's file that was read. */
export interface SourceRange {
  file: string
  start: number
  bytes: number
  /** Of its bytes, in hex. */
  sha256: string
}

/** A part that has been written. */
export interface JournalEntry extends Required<PartChecksums> {
  part: string
  nonFinite: NonFinite[]
  /** Ranges that were read up to its end, without those of earlier entries. */
  reads: SourceRange[]
}

/**
 * Journal of the parts that are done in a half-written packed file: a line of JSON for the file's identity, then one
 * per part. After a power cut it may be ahead of the file, so a reader compares each part with its checksum.
 */
export class PackJournal {
  private constructor(
    private readonly path: string,
    private readonly handle: FileHandle,
  ) {}

  /** Reads the journal of an earlier process; undefined if there is none. A line that was cut off is dropped. */
  static async read(path: string): Promise<{ identity: JournalIdentity; entries: JournalEntry[] } | undefined> {
    const bytes = await readSmallFile(path, MOST_BYTES).catch(() => undefined)
    const [identity, ...entries] = linesOf(bytes ?? new Uint8Array())
    return isIdentity(identity) ? { identity, entries: entries.filter(isEntry) } : undefined
  }

  /** Begins a journal with the entries that are known to be right. Replaces an earlier journal atomically. */
  static async create(path: string, identity: JournalIdentity, entries: readonly JournalEntry[]): Promise<PackJournal> {
    const lines = [identity, ...entries].map((line) => `${JSON.stringify(line)}\n`).join('')
    await writeAtomically(path, [lines], { partial: `${path}.new` })
    const handle = await open(path, 'a').catch((error: unknown) => {
      throw cannotWrite(path, error)
    })
    return new PackJournal(path, handle)
  }

  /** Adds a part. The entry survives the end of this process at once, and a power cut after sync. */
  async append(entry: JournalEntry): Promise<void> {
    await this.handle.appendFile(`${JSON.stringify(entry)}\n`).catch((error: unknown) => {
      throw cannotWrite(this.path, error)
    })
  }

  async sync(): Promise<void> {
    await this.handle.datasync().catch((error: unknown) => {
      throw cannotWrite(this.path, error)
    })
  }

  close(): Promise<void> {
    return this.handle.close()
  }
}

/** Parses the complete lines that are objects, up to the first one that is not. */
function linesOf(bytes: Uint8Array): unknown[] {
  const lines: unknown[] = []
  for (let at = 0; ; ) {
    const end = bytes.indexOf(NEWLINE, at)
    if (end < 0) return lines
    try {
      lines.push(parseJsonObject(bytes.subarray(at, end), 'journal'))
    } catch {
      return lines
    }
    at = end + 1
  }
}

const isIdentity = fields<JournalIdentity>({ source: isText, commit: isText, layout: isText, hasReads: isFlag })

const isEntry = fields<JournalEntry>({
  part: isText,
  sha256: isText,
  crc32: isText,
  nonFinite: listOf(fields({ tensor: isText, part: isText, count: isCount })),
  reads: listOf(fields({ file: isText, start: isCount, bytes: isCount, sha256: isText })),
})
