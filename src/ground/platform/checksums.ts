import { createHash } from 'node:crypto'
import zlib from 'node:zlib'
import { crc32ByTable } from './crc32-by-table.js'

/** Largest input, in bytes, of one call to zlib. */
const LARGEST_STEP = 2 ** 30

/** SHA-256 of bytes that come in pieces. */
export class Sha256 {
  private readonly hash = createHash('sha256')

  add(bytes: Uint8Array): this {
    this.hash.update(bytes)
    return this
  }

  /** The checksum in hex. Nothing can be added afterwards. */
  hex(): string {
    return this.hash.digest('hex')
  }
}

export function sha256Hex(bytes: Uint8Array): string {
  return new Sha256().add(bytes).hex()
}

/** Whether CRC-32 is computed as fast as memory is read: from Node 20.15 and 22.2 on. */
export const isCrcFast = typeof zlib.crc32 === 'function'

/** CRC-32 of bytes, as zip and PNG have it; `before` is the CRC-32 of the bytes in front of them. */
export function crc32(bytes: Uint8Array, before = 0): number {
  const step = isCrcFast ? zlib.crc32 : crc32ByTable
  let crc = before
  for (let at = 0; at < bytes.length; at += LARGEST_STEP) crc = step(bytes.subarray(at, at + LARGEST_STEP), crc)
  return crc
}
