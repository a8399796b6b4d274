import zlib from 'node:zlib'

/** Most bytes given to one call. */
const LARGEST_STEP = 2 ** 30

/** Whether this Node computes it as fast as memory is read: from 20.15 and 22.2 on. */
export const isCrcFast = typeof zlib.crc32 === 'function'

/** CRC-32 of bytes, as zip and PNG have it; `before` is that of what stands in front of them. */
export function crc32(bytes: Uint8Array, before = 0): number {
  const step = isCrcFast ? zlib.crc32 : crc32ByTable
  let crc = before
  for (let at = 0; at < bytes.length; at += LARGEST_STEP) crc = step(bytes.subarray(at, at + LARGEST_STEP), crc)
  return crc
}

/** The same as eight hex digits. */
export function crc32Hex(bytes: Uint8Array): string {
  return crcDigits(crc32(bytes))
}

/** A CRC-32 as eight hex digits. */
export function crcDigits(crc: number): string {
  return crc.toString(16).padStart(8, '0')
}

/**
 * Whether bytes have the CRC-32 that is expected. Where none is known (in an old file), and where it would take longer
 * than the reading (in an old Node), they count as right.
 */
export function matchesCrc32(bytes: Uint8Array, expected: string | undefined): boolean {
  return expected === undefined || !isCrcFast || crc32Hex(bytes) === expected
}

/** For a Node without it. */
export function crc32ByTable(bytes: Uint8Array, before = 0): number {
  let crc = ~before
  for (let i = 0; i < bytes.length; i++) crc = TABLE[(crc ^ bytes[i]) & 255] ^ (crc >>> 8)
  return ~crc >>> 0
}

/** The remainder that each value of a byte leaves, by the reversed polynomial. */
const TABLE = Int32Array.from({ length: 256 }, (_, byte) => {
  let remainder = byte
  for (let bit = 0; bit < 8; bit++) remainder = remainder & 1 ? (remainder >>> 1) ^ 0xedb88320 : remainder >>> 1
  return remainder
})
