import { open, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { ByteSource, FileSet } from '../../checkpoint/byte-source.js'
import { openLocalFile } from '../../checkpoint/local-folder.js'
import { UserError } from '../../errors.js'
import { Sha256, sha256Hex } from '../../platform/checksums.js'
import { checksumOf } from '../format/checksums.js'
import { isCompanion, isNote } from '../format/companions.js'
import { openPackedFile } from '../format/packed-file.js'

const PIECE_BYTES = 4 * 2 ** 20

/** Largest companion: a large tokenizer has a tenth of it, and whatever is larger is something else. */
const MOST_BYTES = 64 * 2 ** 20

/**
 * Puts the companions of a checkpoint into a folder, and `texts` by name beside them or in their place. The contents
 * alone are copied: links into a download cache and read-only modes stay behind. Returns the SHA-256 of each, by name. Rejects
 * with a UserError that names a file which is far too large.
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
          `${source.name}: ${source.size} bytes are too many beside a model, at most ${MOST_BYTES} are copied`,
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

/**
 * The notes in a folder that are the user's own: README.md and LICENSE files that none of the packed files there has
 * brought along, or that were changed since.
 */
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
    const checksum = await checksumOfFile(join(dir, name)).catch(() => undefined)
    if (!brought.has(`${name} ${checksum}`)) own.push(name)
  }
  return own
}

/** In pieces, since a file may have any length. */
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

async function checksumOfFile(path: string): Promise<string> {
  const source = await openLocalFile(path)
  try {
    return await checksumOf(source, { offset: 0, bytes: source.size })
  } finally {
    await source.close()
  }
}
