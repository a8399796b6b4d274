import type { KeptFile } from '../api/kept-file.js'
import { sha256Hex } from '../ground/platform/checksums.js'
import { bytesIn, type PageFile, type Piece, share } from '../ground/platform/fetched-file.browser.js'

/*
 * Files that stay in the browser. Each has a folder in the origin's own file system, with facts about it and logs of its
 * pieces as they came. Each visit that fetches pieces writes another log: a browser refuses to read a file that has changed
 * since it was opened.
 */

/** Folder of the origin's own file system, and name of its cache of small files. */
export const FOLDER = 'molm'

/** Facts about a kept file. */
export interface About {
  address: string
  /** The host's mark of this version of the file; undefined if it gives none. */
  version?: string
  /** Bytes of the whole file. */
  size: number
}

const ABOUT = 'about.json'
/** Endings of the two files of a log: its pieces, and their places in the whole file. */
const BYTES = '.bytes'
const PLACES = '.places'

/** Only workers have it. */
interface SyncAccessHandle {
  truncate(size: number): void
  write(bytes: Uint8Array | Float64Array, options: { at: number }): number
  flush(): void
  close(): void
}

/** The folder of kept files; undefined if the browser has none for this page. */
async function keptFolder(create = false): Promise<FileSystemDirectoryHandle | undefined> {
  try {
    return await (await navigator.storage.getDirectory()).getDirectoryHandle(FOLDER, { create })
  } catch {
    return undefined
  }
}

/** The folder of one file. Addresses may be too long for a name, and have characters that file systems refuse. */
async function folderOf(address: string, create = false): Promise<FileSystemDirectoryHandle | undefined> {
  const folder = await keptFolder(create)
  return folder?.getDirectoryHandle(nameFor(address), { create }).catch(() => undefined)
}

function nameFor(address: string): string {
  return sha256Hex(new TextEncoder().encode(address))
}

/** The kept pieces of a file; undefined if there is nothing of it. */
export async function keptFile(address: string): Promise<(About & PageFile) | undefined> {
  const folder = await folderOf(address)
  return folder && readKept(folder)
}

async function readKept(folder: FileSystemDirectoryHandle): Promise<(About & PageFile) | undefined> {
  try {
    const about: About = JSON.parse(await (await fileIn(folder, ABOUT)).text())
    const found: Piece[] = []
    for await (const name of folder.keys()) {
      if (name.endsWith(BYTES)) found.push(...(await piecesOf(folder, name.slice(0, -BYTES.length))))
    }
    return { ...about, pieces: apart(found) }
  } catch {
    // Another tab has just removed it.
    return undefined
  }
}

async function fileIn(folder: FileSystemDirectoryHandle, name: string): Promise<File> {
  return (await folder.getFileHandle(name)).getFile()
}

/** The pieces of a log. Its last one may have been cut off with the tab. */
async function piecesOf(folder: FileSystemDirectoryHandle, log: string): Promise<Piece[]> {
  const [bytes, places] = await Promise.all([fileIn(folder, `${log}${BYTES}`), fileIn(folder, `${log}${PLACES}`)])
  const words = await places.slice(0, places.size - (places.size % 16)).arrayBuffer()
  const numbers = new Float64Array(words)
  const pieces: Piece[] = []
  for (let i = 0, at = 0; i < numbers.length; i += 2) {
    const [offset, length] = numbers.subarray(i, i + 2)
    if (at + length > bytes.size) break
    pieces.push({ offset, bytes: bytes.slice(at, at + length) })
    at += length
  }
  return pieces
}

/** Pieces by rising offsets, less what earlier ones have. */
export function apart(pieces: readonly Piece[]): Piece[] {
  const sorted = [...pieces].sort((a, b) => a.offset - b.offset || b.bytes.size - a.bytes.size)
  const kept: Piece[] = []
  let end = 0
  for (const { offset, bytes } of sorted) {
    const after = offset + bytes.size
    if (after <= end) continue
    const start = Math.max(offset, end)
    kept.push({ offset: start, bytes: start === offset ? bytes : bytes.slice(start - offset) })
    end = after
  }
  return kept
}

/** A log that a thread writes while it is open. */
export class Log {
  private at = 0
  private count = 0

  private constructor(
    private readonly bytes: SyncAccessHandle,
    private readonly places: SyncAccessHandle,
  ) {}

  /**
   * Opens a new log of a file, and removes what is kept of another version. Only in a worker, and only in one at a time.
   * Resolves with undefined if this browser keeps nothing for the page.
   */
  static async open(about: About): Promise<Log | undefined> {
    const former = await keptFile(about.address)
    if (former && !(former.version === about.version && former.size === about.size)) await removeWeights(about.address)
    const folder = await folderOf(about.address, true)
    if (!folder) return undefined
    const facts = await openIn(folder, ABOUT)
    const text = new TextEncoder().encode(JSON.stringify(about))
    facts.truncate(text.length)
    facts.write(text, { at: 0 })
    facts.close()
    let number = 0
    for await (const name of folder.keys()) number = Math.max(number, Number.parseInt(name, 10) + 1 || 0)
    return new Log(await openIn(folder, `${number}${BYTES}`), await openIn(folder, `${number}${PLACES}`))
  }

  /** Throws if the browser has no more room. */
  add(offset: number, bytes: Uint8Array): void {
    // Without room, Chromium gives a number far above.
    if (this.bytes.write(bytes, { at: this.at }) !== bytes.length)
      throw new Error('the browser has no more room for it')
    this.bytes.flush()
    this.places.write(Float64Array.of(offset, bytes.length), { at: 16 * this.count })
    this.places.flush()
    this.at += bytes.length
    this.count++
  }

  close(): void {
    this.bytes.close()
    this.places.close()
  }
}

async function openIn(folder: FileSystemDirectoryHandle, name: string): Promise<SyncAccessHandle> {
  const file = (await folder.getFileHandle(name, { create: true })) as FileSystemFileHandle & {
    createSyncAccessHandle(): Promise<SyncAccessHandle>
  }
  return file.createSyncAccessHandle()
}

/** The files that this origin keeps, whole or not. */
export async function keptFiles(): Promise<KeptFile[]> {
  const folder = await keptFolder()
  const files: KeptFile[] = []
  if (!folder) return files
  for await (const own of folder.values()) {
    const kept = own.kind === 'directory' && (await readKept(own as FileSystemDirectoryHandle))
    if (kept) files.push({ address: kept.address, bytes: bytesIn(kept.pieces), size: kept.size })
  }
  return files
}

/** Name of the lock of the thread that writes a file. */
export function lockOf(address: string): string {
  return `${FOLDER} ${address}`
}

/** Removes a kept file. Only with its lock, or if no thread writes it. */
export async function removeWeights(address: string): Promise<void> {
  const folder = await keptFolder()
  await folder?.removeEntry(nameFor(address), { recursive: true }).catch(() => undefined)
}

/** Removes a kept file and its companions. Models that are loaded from it fetch it again, and keep nothing more of it. */
export async function removeKept(address: string): Promise<void> {
  share({ removed: address })
  await navigator.locks.request(lockOf(address), () => removeWeights(address))
  const cache = await globalThis.caches?.open(FOLDER).catch(() => undefined)
  const beside = new URL('.', address).href
  for (const request of (await cache?.keys()) ?? []) {
    if (new URL('.', request.url).href === beside) await cache?.delete(request)
  }
}
