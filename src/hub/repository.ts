import { createHash } from 'node:crypto'
import { type ByteSource, type FileSet, isPlainName } from '../checkpoint/byte-source.js'
import { UserError } from '../errors.js'
import type { SourceRange } from '../packing/pack-journal.js'
import { printable } from '../printable.js'
import type { HubClient, HubFile } from './client.js'
import { FileHash, HashMismatch, type KnownHash } from './file-hash.js'
import { RemoteFile } from './remote-file.js'

/** A file of a repository, with what the hub knows of its contents. */
export interface RepositoryFile extends HubFile {
  hash: KnownHash
}

const COMMIT = /^[0-9a-f]{40}$/
const HASHES: Record<KnownHash['kind'], RegExp> = { sha256: /^[0-9a-f]{64}$/, git: /^[0-9a-f]{40}$/ }

/** Largest file, other than weights, that is fetched: a large tokenizer has a tenth of it. */
const MOST_SMALL_BYTES = 64 * 2 ** 20

/** The files of a model's repository at one commit: weights are read by range, others whole and checked. */
export class HubRepository implements FileSet {
  /** Told of bytes of weights as they arrive. */
  onBytes: (count: number) => void = () => {}
  /** Told of each range of weights once it is read. */
  onRange?: (range: SourceRange) => void

  private constructor(
    readonly name: string,
    readonly commit: string,
    private readonly client: HubClient,
    private readonly files: ReadonlyMap<string, RepositoryFile>,
  ) {}

  /** Asks the hub which commit a revision is, and for the files at it. */
  static async open(client: HubClient, endpoint: string, repo: string, revision: string): Promise<HubRepository> {
    // Imported here so that programs which pull nothing do not load it.
    const { listFiles, modelInfo } = await import('@huggingface/hub')
    const ask = { hubUrl: endpoint, fetch: client.fetchFor(repo, revision) }
    const { sha: commit } = await modelInfo({ ...ask, name: repo, revision, additionalFields: ['sha'] })
    if (!COMMIT.test(commit)) throw unclear(repo, 'which commit it is at')
    const files = new Map<string, RepositoryFile>()
    for await (const entry of listFiles({ ...ask, repo, revision: commit })) {
      // Names that lead into or out of folders are no part of a checkpoint, and never become a path here.
      if (entry.type !== 'file' || !isPlainName(entry.path)) continue
      const hash: KnownHash = entry.lfs ? { kind: 'sha256', hex: entry.lfs.oid } : { kind: 'git', hex: entry.oid ?? '' }
      const isSize = Number.isSafeInteger(entry.size) && entry.size >= 0
      if (!HASHES[hash.kind].test(hash.hex) || !isSize) throw unclear(repo, `what ${printable(entry.path)} is`)
      files.set(entry.path, { repo, commit, name: entry.path, size: entry.size, hash })
    }
    return new HubRepository(repo, commit, client, files)
  }

  async list(): Promise<string[]> {
    return [...this.files.keys()]
  }

  /** What the hub tells of a file. Throws a UserError when there is none of that name. */
  file(name: string): RepositoryFile {
    const file = this.files.get(name)
    if (!file) throw new UserError(`${this.name}: has no file ${printable(name)}`)
    return file
  }

  async open(name: string): Promise<ByteSource> {
    const file = this.file(name)
    const source = new RemoteFile(file, this.client)
    if (!isWeights(name)) return this.openSmall(file, source)
    source.onBytes = (count) => this.onBytes(count)
    source.onRange = (start, bytes) => {
      this.onRange?.({ file: source.name, start, bytes: bytes.length, sha256: sha256(bytes) })
    }
    return source
  }

  private async openSmall(file: RepositoryFile, source: RemoteFile): Promise<ByteSource> {
    if (file.size > MOST_SMALL_BYTES) {
      throw new UserError(`${source.name}: ${file.size} bytes are too many, at most ${MOST_SMALL_BYTES} are fetched`)
    }
    const bytes = await source.read(0, file.size)
    const hash = new FileHash(file.hash, file.size)
    hash.update(bytes)
    if (!hash.matches()) throw new HashMismatch(source.name)
    return {
      name: source.name,
      size: file.size,
      read: async (offset, length) => {
        source.checkRange(offset, length)
        return bytes.slice(offset, offset + length)
      },
      close: async () => {},
    }
  }
}

function isWeights(name: string): boolean {
  return /\.(safetensors|bin)$/.test(name)
}

function unclear(repo: string, what: string): UserError {
  return new UserError(`${repo}: the hub does not say clearly ${what}; try again later`)
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}
