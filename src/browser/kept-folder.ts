/** Folder of the origin's own file system. */
export const FOLDER = 'molm'

/** Facts about a kept file, in a file beside it. */
export interface About {
  address: string
  /** The host's mark of this version of the file; undefined if it gives none. */
  version?: string
  /** Bytes of the whole file, if the host says it. */
  bytes?: number
  /** Whether all of it has come. */
  isWhole: boolean
}

export interface FetchProgress {
  bytes: number
  /** Bytes of the whole file; undefined if the server does not say. */
  total?: number
}

/** Messages from the thread that keeps a file. */
export type KeepMessage =
  | { kind: 'progress'; progress: FetchProgress }
  | { kind: 'kept' }
  | { kind: 'failed'; message: string }

/** A mark of the version of a file, if its host gives one. */
export function versionOf(response: Response): string | undefined {
  return response.headers.get('etag') ?? response.headers.get('last-modified') ?? undefined
}

/** The body of a response, piece by piece. Not every browser has streams that can be looped over. */
export async function* piecesOf({ body }: Response): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const reader = body?.getReader()
  for (let next = await reader?.read(); next && !next.done; next = await reader?.read()) {
    yield next.value as Uint8Array<ArrayBuffer>
  }
}

/** Only workers have it. */
export interface SyncAccessHandle {
  getSize(): number
  truncate(size: number): void
  write(bytes: Uint8Array, options: { at: number }): number
  flush(): void
  close(): void
}

const SUFFIX = '.about'

/** Name of the file for an address: file systems refuse its slashes. */
export function nameFor(address: string): string {
  return encodeURIComponent(address)
}

/** The folder of kept files; undefined if the browser has none for this page. */
export async function keptFolder(create = false): Promise<FileSystemDirectoryHandle | undefined> {
  try {
    return await (await navigator.storage.getDirectory()).getDirectoryHandle(FOLDER, { create })
  } catch {
    return undefined
  }
}

/** Opens a file to be written, in a worker. Rejects if another tab writes it. */
export async function openToWrite(folder: FileSystemDirectoryHandle, name: string): Promise<SyncAccessHandle> {
  const file = (await folder.getFileHandle(name, { create: true })) as FileSystemFileHandle & {
    createSyncAccessHandle(): Promise<SyncAccessHandle>
  }
  return file.createSyncAccessHandle()
}

export async function aboutOf(folder: FileSystemDirectoryHandle, name: string): Promise<About | undefined> {
  try {
    const file = await (await folder.getFileHandle(`${name}${SUFFIX}`)).getFile()
    return JSON.parse(await file.text())
  } catch {
    return undefined
  }
}

/** Says what a kept file is, in a worker. */
export async function writeAbout(folder: FileSystemDirectoryHandle, name: string, about: About): Promise<void> {
  const access = await openToWrite(folder, `${name}${SUFFIX}`)
  try {
    access.truncate(0)
    access.write(new TextEncoder().encode(JSON.stringify(about)), { at: 0 })
    access.flush()
  } finally {
    access.close()
  }
}

export interface KeptFile {
  address: string
  /** Bytes that are here. */
  bytes: number
  /** Whether that is all of the file. */
  isWhole: boolean
}

/** The files that this origin keeps, whole or not. */
export async function keptFiles(): Promise<KeptFile[]> {
  const folder = await keptFolder()
  const files: KeptFile[] = []
  if (!folder) return files
  for await (const name of folder.keys()) {
    const about = name.endsWith(SUFFIX) ? undefined : await aboutOf(folder, name)
    if (!about) continue
    const { size } = await (await folder.getFileHandle(name)).getFile()
    files.push({ address: about.address, bytes: size, isWhole: about.isWhole })
  }
  return files
}

/** Removes a kept file. A model that is loaded from it may fail from then on. */
export async function removeKept(address: string): Promise<void> {
  const folder = await keptFolder()
  for (const name of [`${nameFor(address)}${SUFFIX}`, nameFor(address)]) {
    await folder?.removeEntry(name).catch(() => undefined)
  }
}
