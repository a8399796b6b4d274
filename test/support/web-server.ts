import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { extname, join } from 'node:path'

const TYPES: Record<string, string> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.json': 'application/json',
  '.wasm': 'application/wasm',
}
const ISOLATING = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
}

/** A plain web host: it serves folders, by the first part of a path. A path of `pages` answers with HTML. */
export class WebServer {
  /** Paths that were requested. */
  readonly requests: string[] = []
  readonly pages = new Map<string, string>([['/', '<!doctype html><meta charset="utf-8"><title>a page</title>']])
  /** Receives what a page sends to /report. */
  onReport: (text: string) => void = () => undefined

  private constructor(
    private readonly folders: Readonly<Record<string, string>>,
    private readonly isIsolated: boolean,
    private readonly server: http.Server,
  ) {}

  /** `isIsolated`: with the headers by which pages may share memory with workers. */
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
    const { pathname } = new URL(request.url ?? '/', this.url)
    this.requests.push(pathname)
    for (const [name, value] of Object.entries(this.isIsolated ? ISOLATING : {})) response.setHeader(name, value)
    if (pathname === '/report') {
      const parts: Buffer[] = []
      for await (const part of request) parts.push(part as Buffer)
      this.onReport(Buffer.concat(parts).toString())
      response.end()
      return
    }
    const page = this.pages.get(pathname)
    if (page !== undefined) {
      response.setHeader('Content-Type', 'text/html')
      response.end(page)
      return
    }
    const [, first, ...rest] = pathname.split('/')
    const path = join(this.folders[first] ?? '/nowhere', ...rest)
    const info = await stat(path).catch(() => undefined)
    if (!info?.isFile()) {
      response.writeHead(404).end()
      return
    }
    response.setHeader('Content-Type', TYPES[extname(path)] ?? 'application/octet-stream')
    response.setHeader('Content-Length', info.size)
    createReadStream(path).pipe(response)
  }
}
