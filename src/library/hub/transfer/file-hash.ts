import { createHash, type Hash } from 'node:crypto'
import { UserError } from '../../../ground/errors.js'

/** Hash that the hub lists for a file: SHA-256 for large files, Git's own hash for files kept in Git. */
export interface KnownHash {
  kind: 'sha256' | 'git'
  hex: string
}

/** Hashes a file's bytes in order, and compares the result with the hub's hash. */
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

  matches(): boolean {
    return this.hash.digest('hex') === this.known.hex
  }
}

export class HashMismatch extends UserError {
  constructor(what: string) {
    super(
      `${what}: not what the hub has (its checksum differs)\n` +
        'pull again; if it happens again, something on the way (a proxy?) changes the files',
    )
  }
}
