import { existsSync } from 'node:fs'
import { rename } from 'node:fs/promises'
import { dirname } from 'node:path'
import { makeFolder } from '../../../ground/files/folders.js'
import { Journal } from '../../../ground/files/journal.js'
import { openLocalFile } from '../../../ground/files/local-folder.js'
import { checksumsOfRange, stretchesOf } from '../format/checksums.js'
import { isSameFormats } from '../format/formats.js'
import type { Layout, Part } from '../format/layout.js'
import type { PackedFile, PackedMetadata, PackedRange } from '../format/packed-file.js'
import type { PartChecksums } from '../format/packed-metadata.js'
import type { WithCalibration } from './calibrate.js'
import { nonFiniteWeights } from './checkpoint-warnings.js'
import type { ReadAhead } from './chunks.js'
import type { Conversion } from './convert.js'
import { type NonFinite, type PackMatrix, type PackPartsOptions, packParts } from './pack.js'
import { type JournalEntry, type JournalIdentity, readPackJournal } from './pack-journal.js'
import type { PackSource } from './pack-source.js'
import { createPackedFile, layoutIdentity, partialPath, placesOf } from './packed-file-writer.js'

/** A packed file that may be made in several attempts. */
export interface ResumablePacking {
  /** Path of the finished file. A part of it may be there from an earlier attempt, under another name. */
  path: string
  layout: Layout
  metadata: PackedMetadata & { sourceRevision: string }
  /** Whether an earlier attempt is left out, since every byte must be seen again. */
  startsAgain?: boolean
}

/** Parts that an earlier attempt has finished. */
export interface Leftovers {
  entries: JournalEntry[]
  /** Commit of the leftovers if it is another one; they cannot be used then. */
  otherCommit?: string
}

export interface ResumableOptions {
  pack: PackMatrix
  /** Parts that are done (see findLeftovers). */
  done: readonly JournalEntry[]
  readAhead?: ReadAhead
  signal?: AbortSignal
  inputsOf?: PackPartsOptions['inputsOf']
  /** Called before the bytes of a part are packed. */
  onPart?: (part: Part) => void
  onPartDone?: (part: Part) => void
  /** Called when all parts are written, before the file gets its name. If it rejects, so does the packing. */
  check?: () => Promise<void>
}

/** Looks for parts that are done, and verifies each by its checksums. */
export async function findLeftovers(packing: ResumablePacking, signal?: AbortSignal): Promise<Leftovers> {
  const { path, layout, metadata, startsAgain } = packing
  const journal = startsAgain ? undefined : await readPackJournal(journalPath(path))
  if (!journal) return { entries: [] }
  const identity = identityOf(packing)
  const { source: from, commit, layout: places } = journal.identity
  if (from !== identity.source || commit !== identity.commit) return { entries: [], otherCommit: commit }
  if (places !== identity.layout) return { entries: [] }
  const partial = partialPath(path)
  // The earlier attempt may have finished all parts without moving the files to their places.
  if (!existsSync(partial) && existsSync(path)) await rename(path, partial)
  if (!existsSync(partial)) return { entries: [] }
  const { offsets } = placesOf(layout, metadata)
  const bytes = new Map(layout.parts.map((part) => [part.name, part.bytes]))
  const source = await openLocalFile(partial)
  try {
    const entries: JournalEntry[] = []
    for (const entry of journal.entries) {
      const range = { offset: offsets.get(entry.part) ?? Infinity, bytes: bytes.get(entry.part) ?? 0 }
      if (range.offset + range.bytes > source.size) break
      signal?.throwIfAborted()
      // Both are written to the packed file, so both must be right.
      const { sha256, crc32 } = await checksumsOfRange(source, range, signal)
      if (sha256 === entry.sha256 && crc32 === entry.crc32) entries.push(entry)
    }
    return { entries }
  } finally {
    await source.close()
  }
}

/** Parts of an earlier packed file that a packing can take over: `isSame` says whether their tensors are the same. */
export function sameParts(
  { layout, metadata }: ResumablePacking,
  former: PackedFile,
  isSame: (part: Part) => boolean,
): Part[] {
  if (!isSameFormats(former.metadata.formats, metadata.formats)) return []
  return layout.parts.filter((part) => former.parts.get(part.name)?.bytes === part.bytes && isSame(part))
}

/**
 * Begins a packing with copies of parts of an earlier packed file. `findLeftovers` finds them afterwards, but for those
 * that are damaged in the file.
 */
export async function takeOver(
  packing: ResumablePacking,
  former: PackedFile,
  parts: readonly Part[],
  signal?: AbortSignal,
): Promise<void> {
  const { path, layout, metadata } = packing
  await makeFolder(dirname(path))
  const [source, file] = await Promise.all([openLocalFile(former.path), createPackedFile(path, layout, metadata)])
  try {
    const entries: JournalEntry[] = []
    for (const part of parts) {
      const range = former.parts.get(part.name) as PackedRange
      let [from, known]: [number, Required<PartChecksums> | undefined] = [0, undefined]
      for await (const bytes of stretchesOf(source, range, signal)) {
        known = await file.write(part, bytes, from)
        from += bytes.length
      }
      if (known?.sha256 === range.sha256) entries.push({ part: part.name, ...known, nonFinite: [] })
    }
    await file.sync()
    const journal = await Journal.create(journalPath(path), [identityOf(packing), ...entries])
    await journal.close()
  } finally {
    await Promise.all([source.close(), file.leave()])
  }
}

/**
 * Packs a source whose tensors have been checked into one packed file, without the parts that are done.
 * However it ends early, a later attempt loses at most the current part. Rejects as packParts does.
 */
export async function packResumably(
  { tensors }: Pick<PackSource, 'tensors'>,
  packing: ResumablePacking,
  options: ResumableOptions,
): Promise<Conversion> {
  const { path, layout, metadata } = packing
  const { pack, done, readAhead, signal, inputsOf, onPart, onPartDone, check } = options
  const finished = new Map(done.map(({ part, sha256, crc32 }) => [part, { sha256, crc32 }]))
  const entries = [...done]
  const file = await createPackedFile(path, layout, metadata, finished)
  let journal: Journal | undefined
  let synced = Promise.resolve<unknown>(undefined)
  try {
    const notes = await Journal.create(journalPath(path), [identityOf(packing), ...done])
    journal = notes
    const parts = packParts(layout, tensors, pack, {
      signal,
      readAhead,
      inStretches: true,
      inputsOf,
      skip: (part) => finished.has(part.name),
      onRead: (part) => onPart?.(part),
    })
    let nonFinite: NonFinite[] = []
    for await (const packed of parts) {
      const { part } = packed
      const written = await file.write(part, packed.bytes, packed.offset)
      nonFinite.push(...packed.nonFinite)
      if (written === undefined) continue
      const entry = { part: part.name, ...written, nonFinite }
      nonFinite = []
      await notes.append(entry)
      // The disk may be busy with a part while the next one is packed, but no longer.
      await synced
      synced = Promise.all([file.sync(), notes.sync()])
      synced.catch(() => undefined)
      entries.push(entry)
      onPartDone?.(part)
    }
    await synced
    await check?.()
    await file.finish()
  } catch (error) {
    await synced.catch(() => undefined)
    await file.leave()
    throw error
  } finally {
    await journal?.close()
  }
  return {
    path,
    bytes: file.bytes,
    quant: metadata.quant,
    warnings: nonFiniteWeights(entries.flatMap((entry) => entry.nonFinite)),
  }
}

/** Packs a source again for the inputs of its matrices, in several attempts if need be, and replaces the plain file. */
export async function calibrateResumably(
  source: Pick<PackSource, 'tensors'>,
  plain: ResumablePacking,
  {
    withCalibration,
    check,
    ...options
  }: Omit<ResumableOptions, 'done' | 'inputsOf'> & { withCalibration: WithCalibration },
): Promise<Conversion> {
  return withCalibration(dirname(plain.path), async (calibration) => {
    const metadata = { ...plain.metadata, calibration: calibration.record }
    const packing = { ...plain, path: `${plain.path}.calibrated`, metadata }
    const { entries: done } = await findLeftovers(packing, options.signal)
    const conversion = await packResumably(source, packing, {
      ...options,
      done,
      inputsOf: (part, piece) => calibration.inputsOf(part, piece),
      check: async () => {
        metadata.calibration = await calibration.finish()
        await check?.()
      },
    })
    await rename(packing.path, plain.path)
    return { ...conversion, path: plain.path }
  })
}

/** Adds to a packing the checksums of the files that its metadata announces. */
export function withFiles(packing: ResumablePacking, files: Readonly<Record<string, string>>): ResumablePacking {
  const { metadata } = packing
  const announced = Object.entries(metadata.files).map(([name, unknown]) => [name, files[name] ?? unknown])
  return { ...packing, metadata: { ...metadata, files: Object.fromEntries(announced) } }
}

function identityOf({ layout, metadata }: ResumablePacking): JournalIdentity {
  const { source, sourceRevision: commit } = metadata
  return { source, commit, layout: layoutIdentity(layout, metadata) }
}

function journalPath(path: string): string {
  return `${path}.journal`
}
