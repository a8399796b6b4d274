import { bytesIn, type PageFile, readNow, readSoon } from './fetched-file.browser.js'

/* The files of a page, each under a path. A thread gets the files of the one that starts it. */

const files = new Map<string, PageFile>()
let changes = 0

/** Makes a file readable under a path. */
export function addFile(path: string, file: PageFile | Blob): void {
  files.set(path, file instanceof Blob ? { size: file.size, pieces: [{ offset: 0, bytes: file }] } : file)
  changes++
}

/** All files, for another thread, if they have changed since that number of changes. */
export function filesSince(former: number): { files?: ReadonlyMap<string, PageFile>; changes: number } {
  return { ...(changes > former && { files }), changes }
}

export class SyncFile {
  private readonly file: PageFile

  /** Only in a worker: a page cannot wait for bytes. */
  constructor(readonly path: string) {
    this.file = fileAt(path)
  }

  /** Threads that read it at the same time: a host answers several requests sooner than one after the other. */
  get readers(): number {
    const { host, pieces, size } = this.file
    return host && bytesIn(pieces) < size ? READERS : 1
  }

  read(target: Uint8Array, offset: number): number {
    return readNow(this.file, target, offset)
  }

  close(): void {}
}

/** Browsers send six requests to a host at a time. The engine's thread and the page need one each. */
const READERS = 4

export class AsyncFile {
  readonly size: number

  constructor(private readonly file: PageFile) {
    this.size = file.size
  }

  read(target: Uint8Array, offset: number): Promise<number> {
    return readSoon(this.file, target, offset)
  }

  async close(): Promise<void> {}
}

export async function openFile(path: string): Promise<AsyncFile | undefined> {
  return new AsyncFile(fileAt(path))
}

export interface FileStat {
  size: number
  mtimeMs: number
  ctimeMs: number
}

export async function statOf(path: string): Promise<FileStat | undefined> {
  const file = files.get(path)
  const [first] = file?.pieces ?? []
  const changed = first?.bytes instanceof File ? first.bytes.lastModified : 0
  return file && { size: file.size, mtimeMs: changed, ctimeMs: changed }
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

function fileAt(path: string): PageFile {
  const file = files.get(path)
  if (!file) throw missing(path)
  return file
}

function missing(path: string): Error {
  return Object.assign(new Error(`${path}: no such file`), { code: 'ENOENT' })
}
