import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { extname, join } from 'node:path'

const TYPES: Record<string, string> = {
  '.css': 'text/css',
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.json': 'application/json',
  '.svg': 'image/svg+xml',
  '.wasm': 'application/wasm',
}
const ISOLATING = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
}

/** A plain web host: it serves folders, by the first part of a path, or one as the root. `pages` are further ones. */
export class WebServer {
  /** Methods and paths of the requests. */
  readonly requests: string[] = []
  /** Ranges of a file that were sent, from the first byte to before the last. */
  readonly ranges: [start: number, end: number][] = []
  /** Time before a part of a file is sent. */
  pauseMs = 0
  /** Whether it sends parts of files. */
  hasRanges = true
  /** Paths that are not there. */
  refuses: (path: string, method?: string) => boolean = () => false
  /** Bytes of a response after which its connection breaks. */
  breaksAfter = Number.POSITIVE_INFINITY
  readonly pages = new Map<string, string>([['/', '<!doctype html><meta charset="utf-8"><title>a page</title>']])
  /** Receives what a page sends to /report. */
  onReport: (text: string) => void = () => undefined

  private constructor(
    private readonly folders: Readonly<Record<string, string>>,
    private readonly isIsolated: boolean,
    private readonly server: http.Server,
  ) {}

  /** `isIsolated`: with headers that let pages share memory with workers. */
  static async start(folders: Readonly<Record<string, string>>, isIsolated = true): Promise<WebServer> {
    const server = http.createServer()
    const web = new WebServer(folders, isIsolated, server)
    server.on('request', (request, response) => void web.answer(request, response))
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    return web
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`
  }

  async close(): Promise<void> {
    this.server.closeAllConnections()
    await new Promise((resolve) => this.server.close(resolve))
  }

  private async answer(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    const { pathname: called } = new URL(request.url ?? '/', this.url)
    const pathname = called === '/' && this.folders[''] ? '/index.html' : called
    this.requests.push(`${request.method} ${pathname}`)
    for (const [name, value] of Object.entries(this.isIsolated ? ISOLATING : {})) response.setHeader(name, value)
    if (pathname === '/report') {
      const parts: Buffer[] = []
      for await (const part of request) parts.push(part as Buffer)
      this.onReport(Buffer.concat(parts).toString())
      response.end()
      return
    }
    const page = this.folders[''] === undefined ? this.pages.get(pathname) : undefined
    if (page !== undefined) {
      response.setHeader('Content-Type', 'text/html')
      response.end(page)
      return
    }
    const [, first, ...rest] = pathname.split('/')
    const { '': root = '/nowhere', [first]: folder = join(root, first) } = this.folders
    const path = join(folder, ...rest)
    const info = await stat(path).catch(() => undefined)
    if (!info?.isFile() || this.refuses(pathname, request.method)) {
      response.writeHead(404).end()
      return
    }
    const asked = this.hasRanges && /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '')
    const start = asked ? Number(asked[1]) : 0
    const end = asked && asked[2] !== '' ? Number(asked[2]) + 1 : info.size
    if (asked) {
      await new Promise((resolve) => setTimeout(resolve, this.pauseMs))
      this.ranges.push([start, end])
      response.setHeader('Content-Range', `bytes ${start}-${end - 1}/${info.size}`)
    }
    response.writeHead(asked ? 206 : 200, {
      'Content-Type': TYPES[extname(path)] ?? 'application/octet-stream',
      'Content-Length': end - start,
      ETag: `"${info.size}-${info.mtimeMs}"`,
    })
    if (request.method === 'HEAD') response.end()
    else this.send(path, start, end, response)
  }

  private send(path: string, start: number, end: number, response: http.ServerResponse): void {
    const last = Math.min(end, start + this.breaksAfter) - 1
    const file = createReadStream(path, { start, end: last })
    file.pipe(response, { end: last === end - 1 })
    if (last < end - 1) file.once('close', () => response.destroy())
  }
}
