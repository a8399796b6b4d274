import { createHash, type Hash } from 'node:crypto'
import { whileOpen } from '../../../ground/files/byte-source.js'
import { openLocalFile } from '../../../ground/files/local-folder.js'
import type { HubClient } from './client.js'
import { FileHash, HashMismatch, type KnownHash } from './file-hash.js'
import type { RepositoryFile } from './repository.js'

const READ_BYTES = 4 * 2 ** 20

export interface SourceRange {
  file: string
  start: number
  bytes: number
  /** Of its bytes, in hex. */
  sha256: string
}

/** Fetches a file without storing it. Rejects with a UserError if its hash, or the hash of a range read before, differs. */
export async function verifyRemote(
  client: HubClient,
  file: RepositoryFile,
  ranges: readonly SourceRange[],
  onBytes: (count: number) => void = () => {},
): Promise<void> {
  const whole = new FileHash(file.hash, file.size)
  const parts = new RangeHashes(ranges)
  for await (const piece of client.bytes(file, 0, file.size)) {
    whole.update(piece)
    parts.update(piece)
    onBytes(piece.length)
  }
  if (!whole.matches() || !parts.allMatch()) throw new HashMismatch(`${file.repo}/${file.name}`)
}

/** Checks a file on this computer against a hash. Rejects with a UserError if it differs. */
export async function verifyLocal(
  path: string,
  hash: KnownHash,
  onBytes: (count: number) => void = () => {},
  signal?: AbortSignal,
): Promise<void> {
  await whileOpen(openLocalFile(path), async (source) => {
    const whole = new FileHash(hash, source.size)
    for (let at = 0; at < source.size; at += READ_BYTES) {
      signal?.throwIfAborted()
      const bytes = await source.read(at, Math.min(READ_BYTES, source.size - at))
      whole.update(bytes)
      onBytes(bytes.length)
    }
    if (!whole.matches()) throw new HashMismatch(path)
  })
}

/** Hashes ranges of a file, which may overlap, while its bytes come in order. */
class RangeHashes {
  private readonly waiting: SourceRange[]
  private open: { range: SourceRange; hash: Hash }[] = []
  private at = 0
  private isRight = true

  constructor(ranges: readonly SourceRange[]) {
    this.waiting = ranges.toSorted((a, b) => b.start - a.start)
  }

  update(piece: Uint8Array): void {
    const end = this.at + piece.length
    for (let next = this.waiting.at(-1); next && next.start < end; next = this.waiting.at(-1)) {
      this.open.push({ range: next, hash: createHash('sha256') })
      this.waiting.pop()
    }
    for (const { range, hash } of this.open) {
      hash.update(piece.subarray(Math.max(0, range.start - this.at), Math.max(0, range.start + range.bytes - this.at)))
    }
    this.at = end
    const isOver = ({ start, bytes }: SourceRange) => start + bytes <= end
    for (const { range, hash } of this.open.filter(({ range }) => isOver(range))) {
      if (hash.digest('hex') !== range.sha256) this.isRight = false
    }
    this.open = this.open.filter(({ range }) => !isOver(range))
  }

  allMatch(): boolean {
    return this.isRight && this.waiting.length === 0 && this.open.length === 0
  }
}
