/*
 * A file of a page: pieces that are here, and perhaps a web host that has the others. Readers fetch what is missing, and
 * share it with the thread that keeps it.
 */

export interface Piece {
  offset: number
  bytes: Blob
}

export interface PageFile {
  size: number
  /** By rising offsets; none overlap. */
  pieces: readonly Piece[]
  host?: Host
}

/** A place of a file on the web. */
export interface Host {
  address: string
  /** The host's mark of this version of the file; undefined if it gives none. */
  version?: string
}

/** A message on the channel of all threads and tabs: bytes of a file that have just been fetched. */
export interface FetchedBytes extends Host {
  offset: number
  bytes: Uint8Array<ArrayBuffer>
}

/** A message to the thread that keeps them: all have come. */
export interface EndOfBytes {
  keeper: string
}

/** A message to all threads that keep a file: the user removes it. */
export interface RemovedFile {
  removed: string
}

export const CHANNEL = 'molm'

/** Only workers have it. */
declare const FileReaderSync: new () => { readAsArrayBuffer(blob: Blob): ArrayBuffer }

/** Tries of a request whose connection breaks. */
export const TRIES = 4
/** Wait after the first try, and longer after each further. */
export const WAIT_MS = 500

/** Reads from byte `offset` on. Returns the number of bytes read, which may be fewer. Only in a worker. */
export function readNow({ pieces, host }: PageFile, target: Uint8Array, offset: number): number {
  const here = bytesFrom(pieces, offset, target.length)
  try {
    if (here) target.set(new Uint8Array(new FileReaderSync().readAsArrayBuffer(here)))
    if (here || !host) return here?.size ?? 0
  } catch (error) {
    // Another tab has removed it, for example.
    if (!host) throw error
  }
  const bytes = fetchNow(host, offset, here?.size ?? missingFrom(pieces, offset, target.length))
  target.set(bytes)
  share({ ...host, offset, bytes })
  return bytes.length
}

export async function readSoon({ pieces, host }: PageFile, target: Uint8Array, offset: number): Promise<number> {
  const here = bytesFrom(pieces, offset, target.length)
  if (here) target.set(new Uint8Array(await here.arrayBuffer()))
  if (here || !host) return here?.size ?? 0
  const response = await fetch(host.address, {
    headers: { Range: rangeOf(offset, missingFrom(pieces, offset, target.length)) },
  })
  checkResponse(host, response.status, response.headers.get('etag'))
  const bytes = new Uint8Array(await response.arrayBuffer())
  target.set(bytes)
  share({ ...host, offset, bytes })
  return bytes.length
}

function rangeOf(offset: number, length: number): string {
  return `bytes=${offset}-${offset + length - 1}`
}

function fetchNow(host: Host, offset: number, length: number): Uint8Array<ArrayBuffer> {
  for (let tries = 1; ; tries++) {
    const request = new XMLHttpRequest()
    request.open('GET', host.address, false)
    request.responseType = 'arraybuffer'
    request.setRequestHeader('Range', rangeOf(offset, length))
    try {
      request.send()
    } catch {
      if (tries === TRIES) throw new Error(`${host.address}: the connection breaks, or there is no network`)
      pause(tries * WAIT_MS)
      continue
    }
    checkResponse(host, request.status, request.getResponseHeader('etag'))
    return new Uint8Array(request.response as ArrayBuffer)
  }
}

/** Only a thread of an isolated page can wait. */
function pause(ms: number): void {
  if (globalThis.crossOriginIsolated) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
}

/** Throws unless a response has a range of the version of a file. */
function checkResponse({ address, version }: Host, status: number, tag: string | null): void {
  if (status !== 206) throw new Error(`${address}: the server answers ${status} to a request for a part of the file`)
  // A host may hide its marks from pages of others.
  if (version !== undefined && tag !== null && tag !== version) {
    throw new Error(`${address}: the file was changed while it was in use; load the page again`)
  }
}

let channel: BroadcastChannel | undefined

/** Sends to the threads that keep bytes, in whichever tab they are. */
export function share(message: FetchedBytes | EndOfBytes | RemovedFile): void {
  channel ??= new BroadcastChannel(CHANNEL)
  channel.postMessage(message)
}

export function bytesIn(pieces: readonly Piece[]): number {
  return pieces.reduce((sum, { bytes }) => sum + bytes.size, 0)
}

/** Index of the last piece that begins at `offset` or before; -1 if none does. */
function pieceBefore(pieces: readonly Piece[], offset: number): number {
  let [low, high] = [0, pieces.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if (pieces[middle].offset <= offset) low = middle + 1
    else high = middle
  }
  return low - 1
}

/** The bytes of one piece from `offset` on; undefined if no piece has that byte. */
function bytesFrom(pieces: readonly Piece[], offset: number, length: number): Blob | undefined {
  const piece = pieces[pieceBefore(pieces, offset)]
  const start = piece && offset - piece.offset
  return piece && start < piece.bytes.size ? piece.bytes.slice(start, start + length) : undefined
}

/** How many of the bytes are missing before the next piece begins. */
function missingFrom(pieces: readonly Piece[], offset: number, length: number): number {
  const next = pieces[pieceBefore(pieces, offset) + 1]
  return Math.min(length, next ? next.offset - offset : length)
}
