/*
 * The files of a page: bytes that it has fetched, keeps or was given, each under a path. A thread inherits the files of
 * the one that starts it.
 */

/** Only workers have it. */
declare const FileReaderSync: new () => { readAsArrayBuffer(blob: Blob): ArrayBuffer }

const files = new Map<string, Blob>()

/** Makes the bytes of a file readable under a path. */
export function addFile(path: string, bytes: Blob): void {
  files.set(path, bytes)
}

/** All files, for another thread. */
export function allFiles(): ReadonlyMap<string, Blob> {
  return files
}

export class SyncFile {
  private readonly bytes: Blob

  /** Only in a worker: a page cannot wait for bytes. */
  constructor(readonly path: string) {
    this.bytes = fileAt(path)
  }

  read(target: Uint8Array, offset: number): number {
    const piece = this.bytes.slice(offset, offset + target.length)
    target.set(new Uint8Array(new FileReaderSync().readAsArrayBuffer(piece)))
    return piece.size
  }

  close(): void {}
}

export class AsyncFile {
  constructor(
    readonly size: number,
    private readonly bytes: Blob,
  ) {}

  async read(target: Uint8Array, offset: number): Promise<number> {
    const piece = this.bytes.slice(offset, offset + target.length)
    target.set(new Uint8Array(await piece.arrayBuffer()))
    return piece.size
  }

  async close(): Promise<void> {}
}

export async function openFile(path: string): Promise<AsyncFile | undefined> {
  const bytes = fileAt(path)
  return new AsyncFile(bytes.size, bytes)
}

export interface FileStat {
  size: number
  mtimeMs: number
  ctimeMs: number
}

export async function statOf(path: string): Promise<FileStat | undefined> {
  const bytes = files.get(path)
  const changed = bytes instanceof File ? bytes.lastModified : 0
  return bytes && { size: bytes.size, mtimeMs: changed, ctimeMs: changed }
}

export async function namesIn(folder: string): Promise<string[]> {
  const names = [...files.keys()].filter((path) => dirname(path) === folder).map(basename)
  if (names.length === 0) throw missing(folder)
  return names
}

export function filesIn(folder: string): Promise<string[]> {
  return namesIn(folder)
}

export function pathIn(folder: string, ...names: string[]): string {
  return [folder, ...names].filter((part) => part !== '').join('/')
}

export function dirname(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf('/')))
}

export function basename(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1)
}

/** Only in a worker. */
export function readResource(url: URL): Uint8Array<ArrayBuffer> {
  const request = new XMLHttpRequest()
  request.open('GET', url, false)
  request.responseType = 'arraybuffer'
  request.send()
  if (request.status !== 200) throw new Error(`${url}: the server answers ${request.status}`)
  return new Uint8Array(request.response as ArrayBuffer)
}

function fileAt(path: string): Blob {
  const bytes = files.get(path)
  if (!bytes) throw missing(path)
  return bytes
}

function missing(path: string): Error {
  return Object.assign(new Error(`${path}: no such file`), { code: 'ENOENT' })
}
