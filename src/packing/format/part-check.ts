import { matchesCrc32 } from './crc32.js'
import type { PackedFile } from './packed-file.js'
import { differs } from './packed-metadata.js'

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
