import { readSync } from 'node:fs'
import { type FileHandle, open, readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { codeOf, UserError } from '../errors.js'
import { printable } from '../printable.js'
import { type ByteSource, type FileSet, isPlainName } from './byte-source.js'

/** Most bytes asked of one read call: the operating system's own limit is a little under 2 GiB. */
const LARGEST_READ = 2 ** 30

/**
 * Up to so many bytes are read at once, on the calling thread: handing a read to another thread takes longer than that,
 * and a checkpoint of small experts has hundreds of them.
 */
const SMALL_READ = 2 ** 16

/** The files of a local folder. Symbolic links are followed, since download caches are made of them. */
export function localFolder(dir: string): FileSet {
  return {
    name: dir,
    async list() {
      try {
        const entries = await readdir(dir, { withFileTypes: true })
        return entries.filter((entry) => !entry.isDirectory()).map((entry) => entry.name)
      } catch (error) {
        if (codeOf(error) === 'ENOENT') throw new UserError(`${dir}: there is no such folder`)
        if (codeOf(error) === 'ENOTDIR') throw new UserError(`${dir}: this is a file, a folder was expected`)
        throw cannotRead(dir, error)
      }
    },
    async open(file) {
      if (!isPlainName(file))
        throw new UserError(`${dir}: "${printable(file)}" is not the name of a file in this folder`)
      return openLocalFile(join(dir, file))
    },
  }
}

/** One local file as a ByteSource. Rejects with a UserError when it is missing, unreadable or not a file. */
export async function openLocalFile(path: string): Promise<ByteSource> {
  const source = await openIfPresent(path)
  if (!source) throw new UserError(`${path}: there is no such file`)
  return source
}

/** The same, undefined when there is nothing of this name. */
export async function openIfPresent(path: string): Promise<ByteSource | undefined> {
  let handle: FileHandle
  try {
    // Asked before opening, because opening a named pipe would wait for its writer.
    const found = await stat(path)
    if (!found.isFile()) throw new UserError(`${path}: this is not a file`)
    handle = await open(path, 'r')
  } catch (error) {
    if (error instanceof UserError) throw error
    if (codeOf(error) === 'ENOENT') return undefined
    throw cannotRead(path, error)
  }
  try {
    return new LocalFile(path, (await handle.stat()).size, handle)
  } catch (error) {
    await handle.close()
    throw cannotRead(path, error)
  }
}

class LocalFile implements ByteSource {
  constructor(
    readonly name: string,
    readonly size: number,
    private readonly handle: FileHandle,
  ) {}

  async read(offset: number, length: number): Promise<Uint8Array> {
    if (!(offset >= 0 && length >= 0 && offset + length <= this.size)) {
      throw new UserError(
        `${this.name}: bytes ${offset} to ${offset + length} lie outside the file of ${this.size} bytes`,
      )
    }
    try {
      const bytes = new Uint8Array(length)
      let done = 0
      while (done < length) {
        const step = Math.min(length - done, LARGEST_READ)
        const bytesRead = await this.readSome(bytes, done, step, offset + done)
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
    return this.handle.close()
  }

  private async readSome(bytes: Uint8Array, at: number, length: number, position: number): Promise<number> {
    const { fd } = this.handle // -1 once it is closed
    if (length <= SMALL_READ && fd >= 0) return readSync(fd, bytes, at, length, position)
    return (await this.handle.read(bytes, at, length, position)).bytesRead
  }
}

function cannotRead(path: string, error: unknown): UserError {
  return new UserError(`${path}: cannot be read (${error instanceof Error ? error.message : String(error)})`)
}
