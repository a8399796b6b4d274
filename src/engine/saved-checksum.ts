import type { SavedSequence } from '../api/session.js'
import { UserError } from '../errors.js'
import { crcDigits } from '../packing/format/crc32.js'
import { crc32 } from '../platform/checksums.js'

/** Adds the checksum to a saved sequence. */
export function withChecksum(saved: SavedSequence): SavedSequence {
  return { ...saved, checksum: checksumOf(saved) }
}

/**
 * Throws a UserError if a saved sequence does not match its checksum. One without a checksum must have only finite
 * rows, since a NaN in the cache makes every later logit NaN.
 */
export function checkUndamaged(saved: SavedSequence): void {
  const { checksum, rows } = saved
  const isWhole = checksum === undefined ? areFinite(rows) : checksum === checksumOf(saved)
  if (isWhole) return
  const why = checksum === undefined ? 'its rows are not all finite' : 'it does not match its checksum'
  throw new UserError(`the saved session is damaged: ${why}`)
}

/** Whether no number is a NaN or infinite: then its exponent has all bits. */
function areFinite({ buffer, byteOffset, length }: Float32Array): boolean {
  const bits = new Uint32Array(buffer, byteOffset, length)
  for (let i = 0; i < bits.length; i++) if ((bits[i] & EXPONENT) === EXPONENT) return false
  return true
}

const EXPONENT = 0x7f800000

function checksumOf({ tokens, oldest, rows, checkpoints = new Int32Array(0) }: SavedSequence): string {
  const parts = [tokens, rows, Float64Array.of(oldest), checkpoints]
  return crcDigits(
    parts.reduce((crc, { buffer, byteOffset, byteLength }) => {
      return crc32(new Uint8Array(buffer, byteOffset, byteLength), crc)
    }, 0),
  )
}
