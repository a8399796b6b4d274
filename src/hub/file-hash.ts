import { createHash, type Hash } from 'node:crypto'
import { UserError } from '../errors.js'

/** What the hub knows of a file's contents: SHA-256 of large ones, Git's own hash of those kept in Git itself. */
export interface KnownHash {
  kind: 'sha256' | 'git'
  hex: string
}

/** Takes a file's bytes in order and tells whether they are those that the hub knows. */
export class FileHash {
  private readonly hash: Hash

  constructor(
    private readonly known: KnownHash,
    size: number,
  ) {
    this.hash = createHash(known.kind === 'sha256' ? 'sha256' : 'sha1')
    if (known.kind === 'git') this.hash.update(`blob ${size}\0`)
  }

  update(bytes: Uint8Array): void {
    this.hash.update(bytes)
  }

  /** Ends it. */
  matches(): boolean {
    return this.hash.digest('hex') === this.known.hex
  }
}

/** The bytes of a file are not those whose hash the hub tells. */
export class HashMismatch extends UserError {
  constructor(what: string) {
    super(
      `${what}: not what the hub has (its checksum differs)\n` +
        'pull again; if it stays so, something on the way (a proxy?) changes the files',
    )
  }
}
