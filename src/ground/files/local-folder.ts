import { codeOf, UserError } from '../errors.js'
import { type AsyncFile, filesIn, openFile, pathIn } from '../platform/files.js'
import { printable } from '../printable.js'
import { type ByteSource, type FileSet, isPlainName } from './byte-source.js'

/** Maximum bytes of one read call; the operating system's limit is a little under 2 GiB. */
const LARGEST_READ = 2 ** 30

/** Files of a local folder. Symbolic links are followed, because download caches consist of them. */
export function localFolder(dir: string): FileSet {
  return {
    name: dir,
    async list() {
      try {
        return await filesIn(dir)
      } catch (error) {
        if (codeOf(error) === 'ENOENT') throw new UserError(`${dir}: there is no such folder`)
        if (codeOf(error) === 'ENOTDIR') throw new UserError(`${dir}: this is a file, a folder was expected`)
        throw cannotRead(dir, error)
      }
    },
    async open(file) {
      if (!isPlainName(file))
        throw new UserError(`${dir}: "${printable(file)}" is not the name of a file in this folder`)
      return openLocalFile(pathIn(dir, file))
    },
  }
}

/** Opens a local file. Rejects with a UserError if it is missing, unreadable or not a file. */
export async function openLocalFile(path: string): Promise<ByteSource> {
  const source = await openIfPresent(path)
  if (!source) throw new UserError(`${path}: there is no such file`)
  return source
}

/** Opens a local file; undefined if it is missing. Rejects with a UserError if it is unreadable or not a file. */
export async function openIfPresent(path: string): Promise<ByteSource | undefined> {
  let file: AsyncFile | undefined
  try {
    file = await openFile(path)
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined
    throw cannotRead(path, error)
  }
  if (!file) throw new UserError(`${path}: this is not a file`)
  return new LocalFile(path, file)
}

class LocalFile implements ByteSource {
  constructor(
    readonly name: string,
    private readonly file: AsyncFile,
  ) {}

  get size(): number {
    return this.file.size
  }

  async read(offset: number, length: number): Promise<Uint8Array> {
    if (!(offset >= 0 && length >= 0 && offset + length <= this.size)) {
      throw new UserError(
        `${this.name}: bytes ${offset} to ${offset + length} are outside the file of ${this.size} bytes`,
      )
    }
    try {
      const bytes = new Uint8Array(length)
      let done = 0
      while (done < length) {
        const end = Math.min(length, done + LARGEST_READ)
        const bytesRead = await this.file.read(bytes.subarray(done, end), offset + done)
        if (bytesRead === 0) throw new UserError(`${this.name}: the file became shorter while it was read`)
        done += bytesRead
      }
      return bytes
    } catch (error) {
      if (error instanceof UserError) throw error
      if (error instanceof RangeError) throw new UserError(`${this.name}: no memory for ${length} bytes of it at once`)
      throw cannotRead(this.name, error)
    }
  }

  close(): Promise<void> {
    return this.file.close()
  }
}

function cannotRead(path: string, error: unknown): UserError {
  return new UserError(`${path}: cannot be read (${error instanceof Error ? error.message : String(error)})`)
}
