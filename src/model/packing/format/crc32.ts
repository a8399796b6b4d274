import { crc32, isCrcFast } from '../../../ground/platform/checksums.js'
import type { PackedFile } from './packed-file.js'
import { differs } from './packed-metadata.js'

/** A CRC-32 as eight hex digits. */
export function crcDigits(crc: number): string {
  return crc.toString(16).padStart(8, '0')
}

/** CRC-32 of bytes as eight hex digits. */
export function crc32Hex(bytes: Uint8Array): string {
  return crcDigits(crc32(bytes))
}

/** Whether bytes have the expected CRC-32. Any match if none is expected, or if an old Node would compare slowly. */
export function matchesCrc32(bytes: Uint8Array, expected: string | undefined): boolean {
  return expected === undefined || !isCrcFast || crc32Hex(bytes) === expected
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
