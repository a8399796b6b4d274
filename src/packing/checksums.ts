import { createHash } from 'node:crypto'
import type { ByteSource } from '../checkpoint/byte-source.js'
import { openLocalFile } from '../checkpoint/local-folder.js'
import { crc32Hex } from './crc32.js'
import type { PackedFile, PackedRange } from './packed-file.js'
import { differs, type PartChecksums } from './packed-metadata.js'

const READ_BYTES = 8 * 2 ** 20

/** What the bytes of a part are known by. */
export function checksumsOf(bytes: Uint8Array): Required<PartChecksums> {
  return { sha256: createHash('sha256').update(bytes).digest('hex'), crc32: crc32Hex(bytes) }
}

/** Reads a whole packed file and compares every part with its SHA-256. Rejects with a UserError naming the first bad one. */
export async function verifyChecksums(file: PackedFile, signal?: AbortSignal): Promise<void> {
  const source = await openLocalFile(file.path)
  try {
    for (const [name, range] of file.parts) {
      if ((await checksumOf(source, range, signal)) !== range.sha256) throw differs(file.path, name)
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
