import { Journal } from '../../../ground/files/journal.js'
import { fields, isCount, isText, listOf } from '../../../ground/json/forms.js'
import type { PartChecksums } from '../format/packed-metadata.js'
import type { NonFinite } from './pack.js'

/** Properties of a half-written packed file. It is resumed only if all of them are the same. */
export interface JournalIdentity {
  source: string
  commit: string
  /** layoutIdentity of the packed file. */
  layout: string
}

export interface JournalEntry extends Required<PartChecksums> {
  part: string
  nonFinite: NonFinite[]
}

/**
 * Reads the journal of the parts that are done in a half-written packed file; undefined if there is none. Entries count
 * up to the first that makes no sense. A reader compares each part with its checksum.
 */
export async function readPackJournal(
  path: string,
): Promise<{ identity: JournalIdentity; entries: JournalEntry[] } | undefined> {
  const [identity, ...lines] = await Journal.read(path).catch(() => [])
  if (!isIdentity(identity)) return undefined
  const wrong = lines.findIndex((line) => !isEntry(line))
  return { identity, entries: (wrong < 0 ? lines : lines.slice(0, wrong)).filter(isEntry) }
}

const isIdentity = fields<JournalIdentity>({ source: isText, commit: isText, layout: isText })

const isEntry = fields<JournalEntry>({
  part: isText,
  sha256: isText,
  crc32: isText,
  nonFinite: listOf(fields({ tensor: isText, part: isText, count: isCount })),
})
