import type { ListFileEntry } from '@huggingface/hub'
import { UserError } from '../../../ground/errors.js'
import { type ByteSource, type FileSet, isPlainName } from '../../../ground/files/byte-source.js'
import { printable } from '../../../ground/printable.js'
import { isGguf } from '../../../model/gguf/file/split-names.js'
import type { HubClient, HubFile } from './client.js'
import { FileHash, HashMismatch, type KnownHash } from './file-hash.js'

export interface RepositoryFile extends HubFile {
  hash: KnownHash
}

/** Path of a GGUF file in a folder. Repositories with large files have one for each quantisation. */
const GGUF_IN_FOLDER = /^\w[\w.+-]*\/\w[\w.+-]*\.gguf$/i

const COMMIT = /^[0-9a-f]{40}$/
const HASHES: Record<KnownHash['kind'], RegExp> = { sha256: /^[0-9a-f]{64}$/, git: /^[0-9a-f]{40}$/ }

/** Maximum files of a repository. Checkpoints have some hundreds. */
const MOST_FILES = 1e5

/** Maximum bytes of a file other than weights. A large tokenizer has a tenth of it. */
const MOST_SMALL_BYTES = 64 * 2 ** 20

/** The files of a model's repository at one commit: weights are read by range, others whole and checked. */
export class HubRepository implements FileSet {
  private constructor(
    readonly name: string,
    readonly commit: string,
    private readonly client: HubClient,
    private readonly files: ReadonlyMap<string, RepositoryFile>,
  ) {}

  /** Asks for the commit of a revision and its files. Rejects with a UserError for answers that are no hub's. */
  static async open(client: HubClient, endpoint: string, repo: string, revision: string): Promise<HubRepository> {
    // Loaded only by programs that pull.
    const { listFiles, modelInfo } = await import('@huggingface/hub')
    const ask = { hubUrl: endpoint, fetch: client.fetchFor(repo, revision) }
    try {
      const info = await modelInfo({ ...ask, name: repo, revision, additionalFields: ['sha'] })
      const { sha: commit, name: newName = repo } = info
      const isAsked = !COMMIT.test(revision) || commit === revision
      if (typeof commit !== 'string' || !COMMIT.test(commit) || !isAsked) throw unclear(repo, 'which commit it is at')
      if (!isRepository(newName)) throw unclear(repo, 'what the model is called')
      const files = await filesOf(newName, commit, listFiles({ ...ask, repo: newName, revision: commit }))
      return new HubRepository(newName, commit, client, files)
    } catch (error) {
      if (error instanceof UserError || client.isAborted) throw error
      throw new UserError(
        `${repo}: ${new URL(endpoint).host} does not answer like a hub\n` +
          'check HF_ENDPOINT; in a network with a login page, log in first',
      )
    }
  }

  async list(): Promise<string[]> {
    return [...this.files.keys()].filter(isPlainName)
  }

  /** Paths of the GGUF files, in at most one folder. */
  ggufFiles(): string[] {
    return [...this.files.keys()].filter(isGguf)
  }

  has(name: string): boolean {
    return this.files.has(name)
  }

  /** Finds a file by its name. Throws a UserError if there is no such file. */
  file(name: string): RepositoryFile {
    const file = this.files.get(name)
    if (!file) throw new UserError(`${this.name}: has no file ${printable(name)}`)
    return file
  }

  async open(name: string, watch?: ReadWatch): Promise<ByteSource> {
    const file = this.file(name)
    const isWeights = /\.(safetensors|bin|gguf)$/i.test(name)
    return isWeights ? new RemoteFile(file, this.client, watch) : this.openSmall(file)
  }

  /** The files in a folder, or those outside folders if it is empty. They report reads of the weights to `watch`. */
  within(folder: string, watch?: ReadWatch): FileSet {
    const prefix = folder === '' ? '' : `${folder}/`
    const isInside = (path: string) => path.startsWith(prefix) && isPlainName(path.slice(prefix.length))
    return {
      name: prefix === '' ? this.name : `${this.name}/${folder}`,
      list: async () => [...this.files.keys()].filter(isInside).map((path) => path.slice(prefix.length)),
      open: (name) => this.open(prefix + name, watch),
    }
  }

  private async openSmall(file: RepositoryFile): Promise<ByteSource> {
    const source = new RemoteFile(file, this.client)
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

/** Whether a value can be the name of a repository, and thus of folders on this computer. */
export function isRepository(name: unknown): name is string {
  if (typeof name !== 'string' || !/^[\w.-]+(\/[\w.-]+)?$/.test(name)) return false
  return !name.split('/').some((part) => /^\.+$/.test(part))
}

async function filesOf(repo: string, commit: string, entries: AsyncIterable<ListFileEntry>) {
  const files = new Map<string, RepositoryFile>()
  let count = 0
  for await (const { type, path, size, oid, lfs } of entries) {
    if (++count > MOST_FILES) throw new UserError(`${repo}: the hub lists more than ${MOST_FILES} files of it`)
    if (typeof path !== 'string') throw unclear(repo, 'what its files are called')
    // Names with folders in them are not part of a checkpoint. In the cache they become paths, so odd ones are ignored.
    if (type !== 'file' || !(isPlainName(path) || GGUF_IN_FOLDER.test(path))) continue
    const hash: KnownHash = lfs ? { kind: 'sha256', hex: lfs.oid } : { kind: 'git', hex: oid ?? '' }
    const isHash = typeof hash.hex === 'string' && HASHES[hash.kind].test(hash.hex)
    const isSize = Number.isSafeInteger(size) && size >= 0
    if (!isHash || !isSize) throw unclear(repo, `what ${printable(path)} is`)
    files.set(path, { repo, commit, name: path, size, hash })
  }
  return files
}

function unclear(repo: string, what: string): UserError {
  return new UserError(`${repo}: the hub does not say clearly ${what}; try again later`)
}

/** Reports of what is read of a file on the hub. */
interface ReadWatch {
  onBytes?: (count: number) => void
  /** A range of the file called `name`, once all of it has arrived. */
  onRange?: (name: string, start: number, bytes: Uint8Array) => void
}

class RemoteFile implements ByteSource {
  readonly name: string
  readonly size: number

  constructor(
    private readonly file: HubFile,
    private readonly client: HubClient,
    private readonly watch: ReadWatch = {},
  ) {
    this.name = `${file.repo}/${file.name}`
    this.size = file.size
  }

  async read(offset: number, length: number): Promise<Uint8Array> {
    this.checkRange(offset, length)
    const bytes = new Uint8Array(length)
    let done = 0
    for await (const piece of this.client.bytes(this.file, offset, offset + length)) {
      bytes.set(piece, done)
      done += piece.length
      this.watch.onBytes?.(piece.length)
    }
    this.watch.onRange?.(this.name, offset, bytes)
    return bytes
  }

  /** Throws a UserError if the range is not in the file. */
  checkRange(offset: number, length: number): void {
    if (offset >= 0 && length >= 0 && offset + length <= this.size) return
    throw new UserError(
      `${this.name}: bytes ${offset} to ${offset + length} are outside the file of ${this.size} bytes`,
    )
  }

  async close(): Promise<void> {}
}
