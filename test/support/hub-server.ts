import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import http, { type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { fixturePath } from './fixtures.js'

/** A request as received by one of the two hosts. */
export interface SeenRequest {
  host: 'hub' | 'storage'
  url: string
  headers: IncomingHttpHeaders
  /** File requested from the storage, with the range. */
  file?: string
  start: number
  end: number
  /** Number of the file's bytes that were sent. */
  sent: number
}

/** A repository on the hub. */
export interface ServedRepository {
  commit: string
  files: Map<string, Buffer>
  /** Names in the listing besides the files' names. */
  extraNames: string[]
  gated: boolean
  /** Files of earlier commits that the hub still lists. */
  former: Map<string, Map<string, Buffer>>
}

/** Handles a request for a file's bytes in place of the storage; a result of undefined lets the request pass. */
export type Fault = (request: SeenRequest, response: ServerResponse, bytes: Buffer) => boolean | undefined

/** Sends the first bytes and closes the connection. */
export function sendBeginning(response: ServerResponse, bytes: Buffer, length: number): true {
  response.setHeader('content-length', bytes.length)
  response.write(bytes.subarray(0, length), () => response.destroy())
  return true
}

/** Sends the bytes with one of them changed. */
export function sendFlipped(response: ServerResponse, bytes: Buffer, at: number, bit = 1): true {
  const damaged = Buffer.from(bytes)
  damaged[at] ^= bit
  response.setHeader('content-length', damaged.length)
  response.end(damaged)
  return true
}

/** As on the hub, Git holds small files, and the storage holds large ones. */
const LARGE = /\.(safetensors|bin|gguf)$/
const PAGE = 3

/** A hub on 127.0.0.1. Its storage is another host: localhost, at another port. */
export class HubServer {
  readonly repositories = new Map<string, ServedRepository>()
  readonly seen: SeenRequest[] = []
  /** Former names of repositories, which the hub redirects to the current ones. */
  readonly renamed = new Map<string, string>()
  /** Called for each request to the storage before the normal answer. */
  fault?: Fault
  /** Called for each request about a repository. */
  apiFault?: (response: ServerResponse, url: string) => boolean | undefined
  ignoresRanges = false
  /** Token that the hub requires. */
  token?: string

  private constructor(
    private readonly hub: http.Server,
    private readonly storage: http.Server,
  ) {}

  static async start(): Promise<HubServer> {
    const server: { it?: HubServer } = {}
    const hub = http.createServer((request, response) => server.it?.answer(request, response))
    const storage = http.createServer((request, response) => server.it?.store(request, response))
    await Promise.all([listen(hub, '127.0.0.1'), listen(storage, 'localhost')])
    server.it = new HubServer(hub, storage)
    return server.it
  }

  get endpoint(): string {
    return `http://127.0.0.1:${(this.hub.address() as AddressInfo).port}`
  }

  /** Serves the files of a reference checkpoint as a repository. */
  async serve(repo: string, fixture: string, commit = 'a'.repeat(40)): Promise<ServedRepository> {
    const files = new Map<string, Buffer>()
    const dir = fixturePath(fixture)
    for (const name of (await readdir(dir)).sort()) files.set(name, await readFile(join(dir, name)))
    return this.serveFiles(repo, files, commit)
  }

  /** Serves files, by their paths, as a repository. */
  serveFiles(repo: string, files: Map<string, Buffer>, commit = 'a'.repeat(40)): ServedRepository {
    const repository = { commit, files, extraNames: [], gated: false, former: new Map() }
    this.repositories.set(repo, repository)
    return repository
  }

  /** Number of bytes of weights that the storage sent. */
  sentOf(file: string): number {
    return this.seen.reduce((sum, request) => sum + (request.file === file ? request.sent : 0), 0)
  }

  async close(): Promise<void> {
    for (const server of [this.hub, this.storage]) {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    }
  }

  /** Makes a new commit of a repository with these files added or changed. */
  change(repository: ServedRepository, files: Record<string, Buffer>, commit = 'b'.repeat(40)): void {
    repository.former.set(repository.commit, new Map(repository.files))
    for (const [name, bytes] of Object.entries(files)) repository.files.set(name, bytes)
    repository.commit = commit
  }

  private answer(request: IncomingMessage, response: ServerResponse): void {
    const url = new URL(request.url ?? '', this.endpoint)
    const seen = this.see('hub', request)
    const [, repo = '', rest = ''] =
      /^\/api\/models\/([^/]+\/[^/]+)\/(.*)$/.exec(url.pathname) ??
      /^\/([^/]+\/[^/]+)\/(resolve\/.*)$/.exec(url.pathname) ??
      []
    if (this.token && request.headers.authorization !== `Bearer ${this.token}`) {
      return refuse(response, 401, 'RepoNotFound')
    }
    const today = this.renamed.get(repo)
    if (today !== undefined) {
      response.writeHead(307, { location: `${url.pathname.replace(repo, today)}${url.search}` }).end()
      return
    }
    const repository = this.repositories.get(repo)
    if (!repository) return refuse(response, request.headers.authorization ? 404 : 401, 'RepoNotFound')
    if (rest.startsWith('revision/')) {
      if (this.apiFault?.(response, url.href)) return
      const revision = decodeURIComponent(rest.slice('revision/'.length))
      const isFormer = repository.former.has(revision)
      if (!isFormer && !['main', 'HEAD', repository.commit].includes(revision)) {
        return refuse(response, 404, 'RevisionNotFound')
      }
      const sha = isFormer ? revision : repository.commit
      return json(response, { _id: '1', id: repo, sha, private: false, gated: false, downloads: 0 })
    }
    if (rest.startsWith('tree/')) {
      if (this.apiFault?.(response, url.href)) return
      return this.listPage(repository, url, response)
    }
    const [, commit, name] = /^resolve\/([^/]+)\/(.+)$/.exec(rest) ?? []
    if (commit !== repository.commit) return refuse(response, 404, 'RevisionNotFound')
    if (repository.gated) return refuse(response, 403, 'GatedRepo')
    const bytes = repository.files.get(decodeURIComponent(name))
    if (!bytes) return refuse(response, 404, 'EntryNotFound')
    response.setHeader('X-Repo-Commit', repository.commit)
    if (!LARGE.test(name)) return this.send(seen, decodeURIComponent(name), bytes, request, response)
    const { port } = this.storage.address() as AddressInfo
    response.writeHead(302, {
      location: `http://localhost:${port}/${repo}/${name}?signature=${this.seen.length}`,
      etag: `"${sha256(bytes)}"`,
      'x-linked-etag': `"${sha256(bytes)}"`,
      'x-linked-size': bytes.length,
    })
    response.end()
  }

  private listPage(repository: ServedRepository, url: URL, response: ServerResponse): void {
    const { extraNames, former } = repository
    const [, commit = ''] = /\/tree\/([^/?]+)/.exec(url.pathname) ?? []
    const files = former.get(commit) ?? repository.files
    const names = [...files.keys(), ...extraNames]
    const from = Number(url.searchParams.get('cursor') ?? 0)
    if (from + PAGE < names.length) {
      url.searchParams.set('cursor', String(from + PAGE))
      response.setHeader('link', `<${url.href}>; rel="next"`)
    }
    json(
      response,
      names.slice(from, from + PAGE).map((path) => {
        const bytes = files.get(path) ?? Buffer.from('hostile')
        const entry = { type: 'file', path, size: bytes.length, oid: gitHash(bytes) }
        return LARGE.test(path)
          ? { ...entry, lfs: { oid: sha256(bytes), size: bytes.length, pointerSize: 134 } }
          : entry
      }),
    )
  }

  private store(request: IncomingMessage, response: ServerResponse): void {
    const url = new URL(request.url ?? '', this.endpoint)
    const [, owner, model, ...path] = url.pathname.split('/').map(decodeURIComponent)
    const name = path.join('/')
    const bytes = this.repositories.get(`${owner}/${model}`)?.files.get(name)
    const seen = this.see('storage', request)
    if (!bytes) return refuse(response, 403, 'AccessDenied')
    this.send(seen, name, bytes, request, response)
  }

  private send(
    seen: SeenRequest,
    name: string,
    bytes: Buffer,
    request: IncomingMessage,
    response: ServerResponse,
  ): void {
    const range = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '')
    seen.file = name
    if (range && !this.ignoresRanges) {
      seen.start = Number(range[1])
      seen.end = Number(range[2]) + 1
      response.statusCode = 206
      response.setHeader('content-range', `bytes ${seen.start}-${seen.end - 1}/${bytes.length}`)
    } else {
      seen.end = bytes.length
    }
    response.setHeader('etag', '"of-the-storage"')
    const body = bytes.subarray(seen.start, seen.end)
    seen.sent = body.length
    if (this.fault?.(seen, response, body)) return
    response.setHeader('content-length', body.length)
    response.end(body)
  }

  private see(host: SeenRequest['host'], { url = '', headers }: IncomingMessage): SeenRequest {
    const seen = { host, url, headers, start: 0, end: 0, sent: 0 }
    this.seen.push(seen)
    return seen
  }
}

function listen(server: http.Server, host: string): Promise<void> {
  return new Promise((resolve) => server.listen(0, host, resolve))
}

function json(response: ServerResponse, value: unknown): void {
  response.setHeader('content-type', 'application/json; charset=utf-8')
  response.end(JSON.stringify(value))
}

function refuse(response: ServerResponse, status: number, code: string): void {
  response.writeHead(status, { 'x-error-code': code, 'x-error-message': `refused: ${code}` })
  response.end()
}

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex')
}

function gitHash(bytes: Buffer): string {
  return createHash('sha1').update(`blob ${bytes.length}\0`).update(bytes).digest('hex')
}
