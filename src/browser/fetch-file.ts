import { UserError } from '../ground/errors.js'

export interface FetchProgress {
  bytes: number
  /** Bytes of the whole file; undefined if the server does not say. */
  total?: number
}

interface FetchOptions {
  onProgress?: (progress: FetchProgress) => void
  signal?: AbortSignal
}

/** Fetches a file. Rejects with a UserError that names the address, or with the signal's reason. */
export async function fetchFile(address: URL, { onProgress, signal }: FetchOptions): Promise<Blob> {
  const response = await fetch(address, { signal }).catch((error) => {
    if (signal?.aborted) throw error
    throw new UserError(
      `${address}: cannot be fetched: there is no network, no such server, or it lets no other pages read its files (CORS)`,
    )
  })
  if (!response.ok) throw new UserError(`${address}: the server answers ${response.status} ${response.statusText}`)
  if (!onProgress || !response.body) return response.blob()
  const length = response.headers.get('content-length')
  const total = length === null || response.headers.has('content-encoding') ? undefined : Number(length)
  const chunks: Uint8Array<ArrayBuffer>[] = []
  let bytes = 0
  for await (const chunk of response.body) {
    chunks.push(chunk)
    bytes += chunk.length
    onProgress({ bytes, total })
  }
  return new Blob(chunks)
}
