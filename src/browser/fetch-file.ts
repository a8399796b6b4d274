import { UserError } from '../ground/errors.js'
import { sha256Hex } from '../ground/platform/checksums.js'
import { endThread, startThread } from '../ground/platform/threads.js'
import {
  type About,
  aboutOf,
  type FetchProgress,
  FOLDER,
  type KeepMessage,
  keptFolder,
  nameFor,
  piecesOf,
  versionOf,
} from './kept-folder.js'

export interface FetchOptions {
  onProgress?: (progress: FetchProgress) => void
  /** Receives why a file is not kept. */
  onWarning?: (message: string) => void
  signal?: AbortSignal
}

/**
 * A file of a web host. It is kept in the origin's own file system, and fetched again only when the host has another
 * version; a fetch that was cut off continues. Rejects with a UserError that names the address, or with the signal's
 * reason.
 */
export async function keptOrFetched(address: URL, options: FetchOptions = {}): Promise<Blob> {
  const kept = await keptFile(address)
  if (kept && (await isCurrent(address, kept.about, options.signal))) return kept.file
  const { onWarning } = options
  if (!(await keptFolder(true))) return fetchFile(address, options)
  try {
    await keep(address, options)
  } catch (error) {
    if (options.signal?.aborted) throw error
    onWarning?.(`${address.pathname} is not kept: ${(error as Error).message}`)
    return fetchFile(address, options)
  }
  return (await keptFile(address))?.file ?? fetchFile(address, options)
}

/** A small file of known contents, which is kept in the browser's cache of the origin. `sha256`: its checksum in hex. */
export async function companion(address: URL, sha256: string, options: FetchOptions): Promise<Blob> {
  const cache = await globalThis.caches?.open(FOLDER).catch(() => undefined)
  const kept = await (await cache?.match(address))?.blob()
  if (kept && sha256Hex(new Uint8Array(await kept.arrayBuffer())) === sha256) return kept
  const file = await fetchFile(address, options)
  await cache?.put(address, new Response(file)).catch(() => undefined)
  return file
}

/** The kept file, if it is whole. */
async function keptFile(address: URL): Promise<{ file: Blob; about: About } | undefined> {
  const folder = await keptFolder()
  const name = nameFor(address.href)
  const about = folder && (await aboutOf(folder, name))
  if (!folder || !about?.isWhole) return undefined
  return { file: await (await folder.getFileHandle(name)).getFile(), about }
}

/** Whether the host has the same file, or does not answer. */
async function isCurrent(address: URL, { version }: About, signal?: AbortSignal): Promise<boolean> {
  const response = await fetch(address, { method: 'HEAD', cache: 'no-store', signal }).catch(() => undefined)
  signal?.throwIfAborted()
  return !response?.ok || versionOf(response) === version
}

/** Fetches a file into the origin's own file system. Rejects if it cannot be kept there, or with the signal's reason. */
function keep(address: URL, { onProgress, signal }: FetchOptions): Promise<void> {
  const thread = startThread(new URL('../bundle/keep-thread.js', import.meta.url), address.href)
  const ended = new Promise<void>((resolve, reject) => {
    signal?.addEventListener('abort', () => reject(signal.reason))
    thread.on('error', reject)
    thread.on('message', (message: KeepMessage) => {
      if (message.kind === 'progress') onProgress?.(message.progress)
      else if (message.kind === 'kept') resolve()
      else reject(new Error(message.message))
    })
  })
  return ended.finally(() => endThread(thread))
}

async function fetchFile(address: URL, { onProgress, signal }: FetchOptions): Promise<Blob> {
  const response = await fetch(address, { signal }).catch((error) => {
    if (signal?.aborted) throw error
    throw new UserError(
      `${address}: cannot be fetched: there is no network, no such server, or it lets no other pages read its files (CORS)`,
    )
  })
  if (!response.ok) throw new UserError(`${address}: the server answers ${response.status} ${response.statusText}`)
  const length = response.headers.has('content-encoding') ? null : response.headers.get('content-length')
  const total = length === null ? undefined : Number(length)
  const pieces: Uint8Array<ArrayBuffer>[] = []
  let bytes = 0
  for await (const piece of piecesOf(response)) {
    pieces.push(piece)
    bytes += piece.length
    onProgress?.({ bytes, total })
  }
  return new Blob(pieces)
}
