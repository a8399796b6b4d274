import { type FileHandle, open, rm } from 'node:fs/promises'
import { codeOf, UserError } from '../../../ground/errors.js'
import { cannotWrite } from '../../../ground/files/folders.js'
import { putInPlace } from '../../../ground/files/write-atomically.js'
import { sha256Hex } from '../../../ground/platform/checksums.js'
import { safetensorsHeader } from '../../checkpoint/safetensors-header.js'
import { RunningChecksums } from '../format/checksums.js'
import { ALIGNMENT } from '../format/formats.js'
import type { Layout, Part } from '../format/layout.js'
import { encodeMetadata, type PackedMetadata, type PartChecksums } from '../format/packed-metadata.js'

/** Placeholders for checksums that are not known yet, so that the header has its final length from the start. */
const NO_SHA256 = '0'.repeat(64)
const NO_CHECKSUMS: PartChecksums = { sha256: NO_SHA256, crc32: '0'.repeat(8) }
/** Maximum bytes of one write call; the operating system's limit is a little under 2 GiB. */
const LARGEST_WRITE = 2 ** 30

/**
 * Begins the packed file `path`. Until it is finished it is called `path`.partial and has an empty header, so that it
 * cannot be mistaken for a complete one. The same layout, metadata and parts give the same bytes. `finished` are the
 * checksums, by name, of parts that are already in the partial file: the writer then resumes it. Call exactly one of
 * `finish`, `abort` and `leave` at the end.
 */
export async function createPackedFile(
  path: string,
  layout: Layout,
  metadata: PackedMetadata,
  finished: ReadonlyMap<string, Required<PartChecksums>> = new Map(),
) {
  const partial = partialPath(path)
  const checksums = new Map(layout.parts.map(({ name }) => [name, finished.get(name) ?? NO_CHECKSUMS]))
  const { offsets, end } = placesOf(layout, metadata)
  const begun = new Map<string, RunningChecksums>()
  const handle = await open(partial, finished.size > 0 ? 'r+' : 'w').catch((error: unknown) => {
    throw cannotWriteAll(partial, end, error)
  })

  return {
    bytes: end,
    /**
     * Writes a part to its place. Parts may come in any order; a part may come in stretches, in order, each with its
     * offset in the part. Resolves with the checksums of the part once it is complete, and with undefined before.
     * Rejects with a UserError if the disk is full.
     */
    async write(part: Part, bytes: Uint8Array, from = 0) {
      const offset = offsets.get(part.name)
      const running = from === 0 ? new RunningChecksums() : begun.get(part.name)
      if (offset === undefined || running?.bytes !== from || from + bytes.length > part.bytes) {
        throw new RangeError(`${bytes.length} bytes from ${from} on do not follow in part ${part.name} of this layout`)
      }
      await writeAll(handle, bytes, offset + from, partial, end)
      begun.set(part.name, running.add(bytes))
      if (running.bytes < part.bytes) return undefined
      begun.delete(part.name)
      const known = running.finish()
      checksums.set(part.name, known)
      return known
    },
    /** Resolves once everything written would survive a power cut. */
    async sync() {
      await handle.datasync().catch((error: unknown) => {
        throw cannotWriteAll(partial, end, error)
      })
    },
    /** Completes the file and gives it its name. All parts must have been written. */
    async finish() {
      const missing = layout.parts.find(({ name }) => checksums.get(name) === NO_CHECKSUMS)
      if (missing !== undefined) throw new Error(`part ${missing.name} was never written`)
      await writeAll(handle, encodeHeader(layout, metadata, checksums), 0, partial, end)
      try {
        await putInPlace(handle, partial, path)
      } catch (error) {
        throw cannotWriteAll(path, end, error)
      }
    },
    /** Removes the partial file. Harmless after an error, and when called twice. */
    async abort() {
      await handle.close()
      await rm(partial, { force: true })
    },
    /** Closes the partial file, so that it can be resumed later. Harmless after an error, and when called twice. */
    leave: () => handle.close(),
  }
}

/** The `files` of metadata whose checksums are not known yet. */
export function withoutChecksums(names: readonly string[]): Record<string, string> {
  return Object.fromEntries(names.map((name) => [name, NO_SHA256]))
}

/** Name of the packed file `path` until it is finished. */
export function partialPath(path: string): string {
  return `${path}.partial`
}

/** Byte offset of each part in the packed file, by its name, and the length of the file. */
export function placesOf(layout: Layout, metadata: PackedMetadata): { offsets: Map<string, number>; end: number } {
  let end = emptyHeader(layout, metadata).length
  const offsets = new Map<string, number>()
  for (const part of layout.parts) {
    offsets.set(part.name, end)
    end += part.bytes
  }
  return { offsets, end }
}

/** Identifies the look of a packed file apart from its weights: a hash of its header. */
export function layoutIdentity(layout: Layout, metadata: PackedMetadata): string {
  return sha256Hex(emptyHeader(layout, metadata))
}

/** Header before any checksum of parts or files is known; it has its final length. */
function emptyHeader(layout: Layout, metadata: PackedMetadata): Uint8Array {
  const files = withoutChecksums(Object.keys(metadata.files))
  return encodeHeader(layout, { ...metadata, files }, new Map(layout.parts.map(({ name }) => [name, NO_CHECKSUMS])))
}

/** The file up to its data, which begin at a multiple of 64 bytes. */
function encodeHeader(
  layout: Layout,
  metadata: PackedMetadata,
  checksums: ReadonlyMap<string, PartChecksums>,
): Uint8Array {
  const tensors = layout.parts.map(({ name, bytes }) => ({ name, dtype: 'U8' as const, shape: [bytes] }))
  return safetensorsHeader(tensors, encodeMetadata(metadata, checksums), ALIGNMENT)
}

async function writeAll(handle: FileHandle, bytes: Uint8Array, position: number, path: string, total: number) {
  try {
    for (let done = 0; done < bytes.length; ) {
      const { bytesWritten } = await handle.write(
        bytes,
        done,
        Math.min(bytes.length - done, LARGEST_WRITE),
        position + done,
      )
      done += bytesWritten
    }
  } catch (error) {
    throw cannotWriteAll(path, total, error)
  }
}

function cannotWriteAll(path: string, total: number, error: unknown): unknown {
  if (codeOf(error) !== 'ENOSPC') return cannotWrite(path, error)
  return new UserError(`${path}: the disk is full; the file needs ${Math.ceil(total / 2 ** 20)} MiB`)
}
