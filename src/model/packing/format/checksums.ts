import type { ByteSource } from '../../../ground/files/byte-source.js'
import { openLocalFile } from '../../../ground/files/local-folder.js'
import { crc32, isCrcFast, Sha256 } from '../../../ground/platform/checksums.js'
import type { PackedFile, PackedRange } from './packed-file.js'
import { differs, type PartChecksums } from './packed-metadata.js'

const READ_BYTES = 8 * 2 ** 20

export function checksumsOf(bytes: Uint8Array): Required<PartChecksums> {
  return new RunningChecksums().add(bytes).finish()
}

/** Checksums of bytes that come in stretches. */
export class RunningChecksums {
  bytes = 0
  private readonly sha256 = new Sha256()
  private crc = 0

  add(bytes: Uint8Array): this {
    this.sha256.add(bytes)
    this.crc = crc32(bytes, this.crc)
    this.bytes += bytes.length
    return this
  }

  /** Checksums of all stretches together. Nothing can be added afterwards. */
  finish(): Required<PartChecksums> {
    return { sha256: this.sha256.hex(), crc32: crcDigits(this.crc) }
  }
}

export async function checksumsOfRange(
  source: ByteSource,
  range: Pick<PackedRange, 'offset' | 'bytes'>,
  signal?: AbortSignal,
): Promise<Required<PartChecksums>> {
  const running = new RunningChecksums()
  for await (const bytes of stretchesOf(source, range, signal)) running.add(bytes)
  return running.finish()
}

/**
 * Reads a whole packed file and compares every part with its SHA-256. `onPart` receives the name and bytes of each before
 * it is read. Rejects with a UserError that names the first part that differs.
 */
export async function verifyChecksums(
  file: PackedFile,
  signal?: AbortSignal,
  onPart?: (name: string, bytes: number) => void,
): Promise<void> {
  const source = await openLocalFile(file.path)
  try {
    for (const [name, range] of file.parts) {
      onPart?.(name, range.bytes)
      if ((await checksumOf(source, range, signal)) !== range.sha256) throw differs(file.path, name)
    }
  } finally {
    await source.close()
  }
}

export async function checksumOf(
  source: ByteSource,
  range: Pick<PackedRange, 'offset' | 'bytes'>,
  signal?: AbortSignal,
): Promise<string> {
  const hash = new Sha256()
  for await (const bytes of stretchesOf(source, range, signal)) hash.add(bytes)
  return hash.hex()
}

/** The bytes of a range, in stretches. */
export async function* stretchesOf(
  source: ByteSource,
  { offset, bytes }: Pick<PackedRange, 'offset' | 'bytes'>,
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array> {
  for (let done = 0; done < bytes; done += READ_BYTES) {
    signal?.throwIfAborted()
    yield await source.read(offset + done, Math.min(READ_BYTES, bytes - done))
  }
}

function crcDigits(crc: number): string {
  return crc.toString(16).padStart(8, '0')
}

/** Whether bytes have the expected CRC-32. Any match if none is expected, or if an old Node would compare slowly. */
export function matchesCrc32(bytes: Uint8Array, expected: string | undefined): boolean {
  return expected === undefined || !isCrcFast || crcDigits(crc32(bytes)) === expected
}

/** Compares the parts of a packed file with their checksums, each when it is first read. */
export class PartCheck {
  private readonly known = new Set<string>()

  constructor(private readonly file: PackedFile) {}

  /** Throws a UserError if a part is not what was written. Parts that matched before are not compared again. */
  check(name: string, bytes: Uint8Array): void {
    if (this.known.has(name)) return
    if (!matchesCrc32(bytes, this.file.parts.get(name)?.crc32)) throw differs(this.file.path, name)
    this.known.add(name)
  }
}
