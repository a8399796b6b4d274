import { createHash } from 'node:crypto'
import type { ByteSource } from '../checkpoint/byte-source.js'
import { openLocalFile } from '../checkpoint/local-folder.js'
import { printable } from '../printable.js'
import type { PackedFile, PackedRange } from './packed-file.js'
import { damaged } from './packed-metadata.js'

const READ_BYTES = 8 * 2 ** 20

/** Reads a whole packed file and compares every part with its checksum. Rejects with a UserError naming the first bad one. */
export async function verifyChecksums(file: PackedFile, signal?: AbortSignal): Promise<void> {
  const source = await openLocalFile(file.path)
  try {
    for (const [name, range] of file.parts) {
      if ((await checksumOf(source, range, signal)) !== range.checksum) {
        throw damaged(file.path, `has a part ${printable(name)} that does not match its checksum`)
      }
    }
  } finally {
    await source.close()
  }
}

/** SHA-256 in hex of a range of a file. */
export async function checksumOf(
  source: ByteSource,
  range: Pick<PackedRange, 'offset' | 'bytes'>,
  signal?: AbortSignal,
): Promise<string> {
  const hash = createHash('sha256')
  for (let done = 0; done < range.bytes; done += READ_BYTES) {
    signal?.throwIfAborted()
    hash.update(await source.read(range.offset + done, Math.min(READ_BYTES, range.bytes - done)))
  }
  return hash.digest('hex')
}
