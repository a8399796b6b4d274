import { open, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { UserError } from '../../../ground/errors.js'
import { type ByteSource, type FileSet, whileOpen } from '../../../ground/files/byte-source.js'
import { openLocalFile } from '../../../ground/files/local-folder.js'
import { Sha256, sha256Hex } from '../../../ground/platform/checksums.js'
import { checksumOf } from '../format/checksums.js'
import { isCompanion, isNote } from '../format/companions.js'
import { openPackedFile } from '../format/packed-file.js'

const PIECE_BYTES = 4 * 2 ** 20

/** Maximum bytes of a companion. A large tokenizer has a tenth of it; a larger file is something else. */
const MOST_BYTES = 64 * 2 ** 20

/**
 * Copies the companions of a checkpoint into a folder, and writes `texts` there by name, instead of copies of the same
 * name. Only contents are copied, not links into a download cache or read-only modes. Returns the SHA-256 of each file
 * by name. Rejects with a UserError that names a file that is far too large.
 */
export async function copyCompanions(
  checkpoint: FileSet,
  to: string,
  texts: Readonly<Record<string, string>>,
): Promise<Record<string, string>> {
  const checksums: Record<string, string> = {}
  for (const name of (await checkpoint.list()).filter(isCompanion).sort()) {
    const source = await checkpoint.open(name)
    try {
      if (source.size > MOST_BYTES) {
        throw new UserError(
          `${source.name}: ${source.size} bytes are too many for a file of a model, at most ${MOST_BYTES} are copied`,
        )
      }
      checksums[name] = await copy(source, join(to, name))
    } finally {
      await source.close()
    }
  }
  for (const [name, text] of Object.entries(texts)) {
    await writeFile(join(to, name), text, { flush: true })
    checksums[name] = sha256Hex(new TextEncoder().encode(text))
  }
  return checksums
}

/** The user's own notes: README.md and LICENSE files that no packed file brought, or that have changed since. */
export async function ownNotes(
  dir: string,
  files: readonly string[],
  packedFiles: readonly string[],
): Promise<string[]> {
  const brought = new Set<string>()
  for (const packed of packedFiles) {
    const file = await openPackedFile(join(dir, packed)).catch(() => undefined)
    for (const [name, checksum] of Object.entries(file?.metadata.files ?? {})) brought.add(`${name} ${checksum}`)
  }
  const own: string[] = []
  for (const name of files.filter(isNote)) {
    const reading = whileOpen(openLocalFile(join(dir, name)), (file) =>
      checksumOf(file, { offset: 0, bytes: file.size }),
    )
    const checksum = await reading.catch(() => undefined)
    if (!brought.has(`${name} ${checksum}`)) own.push(name)
  }
  return own
}

/** Copies a file in pieces, because it may be large. Returns its SHA-256. */
async function copy(source: ByteSource, path: string): Promise<string> {
  const hash = new Sha256()
  const target = await open(path, 'w')
  try {
    for (let done = 0; done < source.size; done += PIECE_BYTES) {
      const bytes = await source.read(done, Math.min(PIECE_BYTES, source.size - done))
      await target.writeFile(bytes)
      hash.add(bytes)
    }
    await target.sync()
  } finally {
    await target.close()
  }
  return hash.hex()
}
