import { closeSync, openSync, readFileSync, readSync } from 'node:fs'
import { type FileHandle, open, readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'

export { basename, dirname } from 'node:path'

/* Reading of files. Errors are the system's own, with a `code`. */

/** Largest read, in bytes, that the calling thread makes: to hand a small one to another thread takes longer. */
const SMALL_READ = 2 ** 16

export class SyncFile {
  /** Threads that read it at the same time. */
  readonly readers = 1
  private readonly descriptor: number

  constructor(readonly path: string) {
    this.descriptor = openSync(path, 'r')
  }

  /** Reads from byte `offset` of the file into `target`. Returns the number of bytes read: 0 at the end of the file. */
  read(target: Uint8Array, offset: number): number {
    return readSync(this.descriptor, target, 0, target.length, offset)
  }

  close(): void {
    closeSync(this.descriptor)
  }
}

export class AsyncFile {
  constructor(
    /** Bytes when it was opened. */
    readonly size: number,
    private readonly handle: FileHandle,
  ) {}

  /** Reads from byte `offset` of the file into `target`. Resolves with the number of bytes read: 0 at the end. */
  async read(target: Uint8Array, offset: number): Promise<number> {
    const { fd } = this.handle // -1 once it is closed
    if (target.length <= SMALL_READ && fd >= 0) return readSync(fd, target, 0, target.length, offset)
    return (await this.handle.read(target, 0, target.length, offset)).bytesRead
  }

  /** May be called more than once. */
  close(): Promise<void> {
    return this.handle.close()
  }
}

/** Opens a file. Resolves with undefined if it is no regular file but a folder, a pipe or a device. */
export async function openFile(path: string): Promise<AsyncFile | undefined> {
  // Asked before opening, because opening a named pipe would wait for its writer.
  if (!(await stat(path)).isFile()) return undefined
  const handle = await open(path, 'r')
  try {
    return new AsyncFile((await handle.stat()).size, handle)
  } catch (error) {
    await handle.close()
    throw error
  }
}

export interface FileStat {
  size: number
  /** Time of the last change of its bytes, in ms. */
  mtimeMs: number
  /** Time of the last change of the bytes, the name or the rights, in ms. */
  ctimeMs: number
}

/** Undefined if there is no such file. */
export function statOf(path: string): Promise<FileStat | undefined> {
  return stat(path).catch(() => undefined)
}

export function namesIn(folder: string): Promise<string[]> {
  return readdir(folder)
}

/** Names of all entries of a folder but its subfolders. */
export async function filesIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true })
  return entries.filter((entry) => !entry.isDirectory()).map((entry) => entry.name)
}

export function pathIn(folder: string, ...names: string[]): string {
  return join(folder, ...names)
}

/** Bytes of a file that belongs to the program, such as compiled kernels. */
export function readResource(url: URL): Uint8Array<ArrayBuffer> {
  return readFileSync(url)
}
