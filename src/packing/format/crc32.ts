import { crc32, isCrcFast } from '../../platform/checksums.js'

/** A CRC-32 as eight hex digits. */
export function crcDigits(crc: number): string {
  return crc.toString(16).padStart(8, '0')
}

/** CRC-32 of bytes as eight hex digits. */
export function crc32Hex(bytes: Uint8Array): string {
  return crcDigits(crc32(bytes))
}

/**
 * Whether bytes have the expected CRC-32. Any bytes match if none is expected, or if comparing would take longer than
 * reading (in an old Node).
 */
export function matchesCrc32(bytes: Uint8Array, expected: string | undefined): boolean {
  return expected === undefined || !isCrcFast || crc32Hex(bytes) === expected
}
