import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex } from '@noble/hashes/utils.js'
import { crc32ByTable } from './crc32-by-table.js'

/** SHA-256 of bytes that come in pieces: SubtleCrypto takes only whole ones. */
export class Sha256 {
  private readonly hash = sha256.create()

  add(bytes: Uint8Array): this {
    this.hash.update(bytes)
    return this
  }

  hex(): string {
    return bytesToHex(this.hash.digest())
  }
}

export function sha256Hex(bytes: Uint8Array): string {
  return new Sha256().add(bytes).hex()
}

export const isCrcFast = false

export const crc32 = crc32ByTable
