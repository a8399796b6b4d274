import { UserError } from '../ground/errors.js'
import { formatBytes } from '../ground/numbers.js'
import { sha256Hex } from '../ground/platform/checksums.js'
import { bytesIn, type PageFile, type Piece, share, TRIES, WAIT_MS } from '../ground/platform/fetched-file.browser.js'
import { startThread, type Thread } from '../ground/platform/threads.browser.js'
import type { KeepData, KeepMessage } from './keep-thread.js'
import { type About, apart, FOLDER, keptFile, removeWeights } from './kept-files.js'

export interface FetchProgress {
  bytes: number
  /** Bytes that must be there before the model can start; undefined if the host does not say. */
  total?: number
}

export interface FetchOptions {
  onProgress?: (progress: FetchProgress) => void
  /** Receives why a file is not kept. */
  onWarning?: (message: string) => void
  signal?: AbortSignal
}

/** Bytes of a file from `start` to before `end`. */
export interface ByteRange {
  start: number
  end: number
}

/** Requests at the same time. */
const PARALLEL = 4
/** Bytes that are kept together. */
const PIECE_BYTES = 4 * 2 ** 20
/** A smaller file comes sooner whole. Nor is it worth a question to the user, as some browsers ask to keep files for good. */
const LARGE = 32 * 2 ** 20

/**
 * A file of a web host. What has been fetched of it stays in the browser for the next visits, as long as the host has the
 * same version. Rejects with a UserError that names the address, or with the signal's reason.
 */
export class RemoteFile {
  private constructor(
    private readonly address: string,
    /** Whether the host answers. */
    private readonly isThere: boolean,
    /** Bytes of the whole file; undefined if the host does not say. */
    private size: number | undefined,
    private version: string | undefined,
    private pieces: Piece[],
    private readonly options: FetchOptions,
  ) {}

  static async open({ href }: URL, options: FetchOptions): Promise<RemoteFile> {
    const { signal } = options
    const kept = await keptFile(href)
    const head = await fetch(href, { method: 'HEAD', cache: 'no-store', signal }).catch(() => undefined)
    signal?.throwIfAborted()
    const [version, size] = head?.ok ? [versionOf(head), sizeOf(head)] : [kept?.version, kept?.size]
    const isCurrent = kept?.version === version && (kept?.size === size || size === undefined)
    // Without a mark of its version, parts of a file may be of another one.
    const isWhole = kept && bytesIn(kept.pieces) === kept.size
    if (kept && isCurrent && (version !== undefined || isWhole)) {
      return new RemoteFile(href, head !== undefined, kept.size, version, [...kept.pieces], options)
    }
    if (kept) await removeWeights(href)
    return new RemoteFile(href, head !== undefined, size, version, [], options)
  }

  get isWhole(): boolean {
    return bytesIn(this.pieces) === this.size
  }

  get isLarge(): boolean {
    return this.size !== undefined && this.size >= LARGE
  }

  /** Whether parts of it can be fetched later. */
  async hasRanges(): Promise<boolean> {
    if (this.isWhole) return true
    const { signal } = this.options
    const response = await fetch(this.address, { headers: { Range: 'bytes=0-0' }, cache: 'no-store', signal }).catch(
      () => undefined,
    )
    await response?.body?.cancel()
    return response?.status === 206
  }

  /** The file as readers have it: they fetch what is missing. */
  get file(): PageFile {
    const { address, version, size = bytesIn(this.pieces), pieces } = this
    return { size, pieces, host: { address, version } }
  }

  /** Fetches what is missing of some ranges, or of the whole file. */
  async fetch(ranges?: readonly ByteRange[]): Promise<void> {
    const { size = Number.POSITIVE_INFINITY } = this
    const wanted = ranges ?? [{ start: 0, end: size }]
    const missing = wanted.flatMap((range) => gapsIn(this.pieces, range))
    if (missing.length === 0) return
    const total = lengthOf(wanted)
    const progress = new Progress(total < Number.POSITIVE_INFINITY ? total - lengthOf(missing) : 0, total, this.options)
    const keeper = await this.keeper()
    const next = missing.values()
    const fetchSome = async () => {
      for (const range of next) await this.fetchRange(range, progress)
    }
    try {
      // A host without ranges sends the whole file for the first of them.
      await Promise.all(Array.from({ length: ranges ? PARALLEL : 1 }, fetchSome))
    } finally {
      await keeper?.end()
    }
    this.pieces = apart(this.pieces)
    this.size ??= bytesIn(this.pieces)
    const kept = keeper && (await keptFile(this.address))
    // The pieces that have just come would stay in memory.
    if (kept && bytesIn(kept.pieces) >= bytesIn(this.pieces)) this.pieces = [...kept.pieces]
  }

  /** Keeps from now on what the threads fetch. */
  async keepRest(): Promise<void> {
    if (!this.isWhole) await this.keeper()
  }

  /** Fetches a range, and continues when the connection breaks. */
  private async fetchRange({ start, end }: ByteRange, progress: Progress): Promise<void> {
    const { signal } = this.options
    for (let at = start, breaks = 0; at < end; ) {
      const before = at
      try {
        const response = await this.request(at, end)
        if (response.status === 200 && at > 0) {
          at = 0
          this.pieces = []
          progress.restart()
        }
        // A host may send less of a range than it was asked for.
        const last = end < Number.POSITIVE_INFINITY ? end : at + (sizeOf(response) ?? Number.NEGATIVE_INFINITY)
        for await (const bytes of inPieces(response)) {
          this.pieces.push({ offset: at, bytes: new Blob([bytes]) })
          share({ address: this.address, version: this.version, offset: at, bytes })
          at += bytes.length
          progress.add(bytes.length)
        }
        if (at >= last) return
        throw new TypeError('the connection has ended')
      } catch (error) {
        signal?.throwIfAborted()
        // Of a broken connection. What has come stays, and the rest is asked for again.
        if (!(error instanceof TypeError)) throw error
        breaks = at > before ? 0 : breaks + 1
        if (!this.isThere || breaks === TRIES) throw unreachable(this.address)
        await new Promise((resolve) => setTimeout(resolve, breaks * WAIT_MS))
      }
    }
  }

  private async request(start: number, end: number): Promise<Response> {
    const { address, size, version } = this
    const isAll = start === 0 && end >= (size ?? end)
    const last = end < Number.POSITIVE_INFINITY ? end - 1 : ''
    const headers: HeadersInit = isAll ? {} : { Range: `bytes=${start}-${last}` }
    const response = await fetch(address, { headers, cache: 'no-store', signal: this.options.signal })
    if (!response.ok) throw refused(address, response)
    const own = versionOf(response)
    if (version !== undefined && own !== undefined && own !== version) {
      throw new UserError(`${address}: the file was changed while it was fetched; load it again`)
    }
    return response
  }

  /** A thread that keeps what is fetched, if the browser has room for it. */
  private async keeper(): Promise<Keeper | undefined> {
    const { address, version, size, pieces } = this
    const { onWarning } = this.options
    // Without its size, the next visit could not know whether it is whole.
    if (size === undefined || !navigator.storage?.getDirectory) return undefined
    const { quota, usage = 0 } = (await navigator.storage.estimate?.().catch(() => undefined)) ?? {}
    const more = size - bytesIn(pieces)
    if (quota !== undefined && more > quota - usage) {
      const [needed, room] = [formatBytes(more), formatBytes(Math.max(0, quota - usage))]
      onWarning?.(`${address} is not kept: it needs ${needed}, and the browser has ${room} for this site`)
      return undefined
    }
    if (more >= LARGE) void navigator.storage.persist?.().catch(() => undefined)
    return Keeper.start({ address, version, size }, onWarning)
  }
}

/** The page's end of a thread that keeps what is fetched. */
class Keeper {
  /** Keepers that run, by the versions of their files. */
  private static readonly running = new Map<string, Keeper>()

  private constructor(
    private readonly name: string,
    private readonly thread: Thread,
  ) {}

  /** Resolves with undefined if nothing is kept, or if another tab keeps it. */
  static async start(about: About, onWarning?: (message: string) => void): Promise<Keeper | undefined> {
    const key = JSON.stringify(about)
    const running = Keeper.running.get(key)
    if (running) return running
    const name = `${key} ${Math.random()}`
    const data: KeepData = { ...about, keeper: name }
    const keeper = new Keeper(name, startThread(new URL('../bundle/keep-thread.js', import.meta.url), data))
    const { thread } = keeper
    thread.on('exit', () => Keeper.running.delete(key))
    const keeps = await new Promise((resolve) => {
      thread.on('exit', () => resolve(false))
      thread.on('message', (message: KeepMessage) => {
        if (message.kind === 'keeps') resolve(true)
        else onWarning?.(`${about.address} is not kept: ${message.message}`)
      })
    })
    if (!keeps) return undefined
    Keeper.running.set(key, keeper)
    return keeper
  }

  /** Waits until all that was shared before is kept. */
  async end(): Promise<void> {
    share({ keeper: this.name })
    await this.thread.ended
  }
}

/** How much of some ranges is there. */
class Progress {
  constructor(
    private bytes: number,
    private readonly total: number,
    private readonly options: FetchOptions,
  ) {}

  add(bytes: number): void {
    this.bytes += bytes
    const { bytes: done, total } = this
    this.options.onProgress?.({ bytes: done, ...(total < Number.POSITIVE_INFINITY && { total }) })
  }

  /** The host sends all of it once more. */
  restart(): void {
    this.bytes = 0
  }
}

/** A small file of known contents, which is kept in the browser's cache of the origin. `sha256`: its checksum in hex. */
export async function companion(address: URL, sha256: string, { signal }: FetchOptions): Promise<Blob> {
  const cache = await globalThis.caches?.open(FOLDER).catch(() => undefined)
  const kept = await (await cache?.match(address))?.blob()
  if (kept && sha256Hex(new Uint8Array(await kept.arrayBuffer())) === sha256) return kept
  const response = await fetch(address, { signal }).catch((error) => {
    throw signal?.aborted ? error : unreachable(address.href)
  })
  if (!response.ok) throw refused(address.href, response)
  const file = await response.blob()
  await cache?.put(address, new Response(file)).catch(() => undefined)
  return file
}

function unreachable(address: string): UserError {
  return new UserError(
    `${address}: cannot be fetched: there is no network, no such server, or it lets no other pages read its files (CORS)`,
  )
}

function refused(address: string, { status, statusText }: Response): UserError {
  return new UserError(`${address}: the server answers ${status} ${statusText}`)
}

/** A mark of the version of a file, if its host gives one. */
function versionOf({ headers }: Response): string | undefined {
  return headers.get('etag') ?? headers.get('last-modified') ?? undefined
}

/** Bytes of a response's body; undefined if the host does not say, or compresses it. */
function sizeOf({ headers }: Response): number | undefined {
  const length = headers.has('content-encoding') ? null : headers.get('content-length')
  return length === null ? undefined : Number(length)
}

/** The body of a response in pieces of some megabytes. If the connection breaks, what has come is the last of them. */
async function* inPieces({ body }: Response): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const parts: Uint8Array[] = []
  let length = 0
  const joined = () => {
    const bytes = new Uint8Array(length)
    let at = 0
    for (const part of parts.splice(0)) {
      bytes.set(part, at)
      at += part.length
    }
    length = 0
    return bytes
  }
  // Not every browser has streams that can be looped over.
  const reader = body?.getReader()
  try {
    for (let next = await reader?.read(); next && !next.done; next = await reader?.read()) {
      parts.push(next.value)
      length += next.value.length
      if (length >= PIECE_BYTES) yield joined()
    }
  } catch (error) {
    if (length > 0) yield joined()
    throw error
  }
  if (length > 0) yield joined()
}

/** The parts of a range that no piece has. */
function gapsIn(pieces: readonly Piece[], { start, end }: ByteRange): ByteRange[] {
  const gaps: ByteRange[] = []
  let at = start
  for (const { offset, bytes } of apart(pieces)) {
    if (offset >= end) break
    if (offset > at) gaps.push({ start: at, end: offset })
    at = Math.max(at, offset + bytes.size)
  }
  return at < end ? [...gaps, { start: at, end }] : gaps
}

function lengthOf(ranges: readonly ByteRange[]): number {
  return ranges.reduce((sum, { start, end }) => sum + end - start, 0)
}
