import http, { type IncomingHttpHeaders, type IncomingMessage } from 'node:http'
import https from 'node:https'
import type { Duplex } from 'node:stream'
import tls from 'node:tls'
import { UserError } from '../../../ground/errors.js'
import { LEAST_PROGRESS } from './retry.js'

/** An answer whose body must be read or destroyed. */
export interface Reply {
  url: URL
  status: number
  headers: IncomingHttpHeaders
  body: IncomingMessage
}

/**
 * Sends single requests over persistent connections, through the environment's proxy if there is one. Follows no
 * redirects and tries nothing twice. A request fails if the server is silent for `idleMs`, or sends too little in twice
 * that time.
 */
export class Transport {
  private readonly agents = new Map<string, http.Agent>()

  constructor(
    private readonly idleMs: number,
    /** Maximum requests under way to one host; others wait. */
    private readonly connections: number,
  ) {}

  get(url: URL, headers: Record<string, string>, signal?: AbortSignal): Promise<Reply> {
    return new Promise((resolve, reject) => {
      let body: IncomingMessage | undefined
      const request = this.request(url, headers)
      const end = (error: Error) => (body ?? request).destroy(error)
      const silent = () => end(new Error(`no answer for ${this.idleMs / 1000} s`))
      let watch: NodeJS.Timeout | undefined
      // Destroys the request, not its connection, which may serve another request by then.
      const abort = () => end(new Error('aborted'))
      if (signal?.aborted) abort()
      signal?.addEventListener('abort', abort)
      request.once('close', () => {
        clearInterval(watch)
        signal?.removeEventListener('abort', abort)
      })
      request.setTimeout(this.idleMs, silent)
      // Interim answers (100 Continue) keep a connection busy, but do not count as answers.
      request.once('socket', () => {
        watch ??= setTimeout(silent, this.idleMs)
      })
      request.on('error', reject)
      request.once('response', (message) => {
        body = message
        clearTimeout(watch)
        watch = watchSpeed(message, 2 * this.idleMs, end)
        // The reader of the body handles its errors; an error of an unread body must not end the program.
        message.on('error', () => {})
        resolve({ url, status: message.statusCode ?? 0, headers: message.headers, body: message })
      })
      request.end()
    })
  }

  close(): void {
    for (const agent of this.agents.values()) agent.destroy()
  }

  private request(url: URL, headers: Record<string, string>): http.ClientRequest {
    const proxy = proxyFor(url)
    const agent = this.agent(url, proxy)
    if (url.protocol === 'https:') return https.request(url, { headers, agent })
    if (!proxy) return http.request(url, { headers, agent })
    const toProxy = { host: url.host, ...headers, ...proxyAuthorization(proxy) }
    const { request } = proxy.protocol === 'https:' ? https : http
    return request(proxy, { path: url.href, headers: toProxy, agent })
  }

  private agent(url: URL, proxy: URL | undefined): http.Agent {
    const key = `${url.protocol} ${proxy?.href}`
    let agent = this.agents.get(key)
    if (!agent) {
      const options = { keepAlive: true, maxSockets: this.connections, timeout: this.idleMs }
      const isSecure = (proxy && url.protocol === 'http:' ? proxy : url).protocol === 'https:'
      if (proxy && url.protocol === 'https:') agent = new TunnelAgent(proxy, options)
      else agent = isSecure ? new https.Agent(options) : new http.Agent(options)
      this.agents.set(key, agent)
    }
    return agent
  }
}

/** Ends an answer that is too slow: single bytes break the silence, but never make a model. */
function watchSpeed({ socket }: IncomingMessage, everyMs: number, end: (error: Error) => void): NodeJS.Timeout {
  let before = socket.bytesRead
  return setInterval(() => {
    if (socket.bytesRead - before < LEAST_PROGRESS) end(new Error(`almost no data in ${everyMs / 1000} s`))
    before = socket.bytesRead
  }, everyMs)
}

/**
 * Finds the environment's proxy for an address: HTTP_PROXY or HTTPS_PROXY by its scheme, else ALL_PROXY, lower case
 * first. Undefined without one, or if NO_PROXY lists the host. Throws a UserError if the proxy's scheme is neither http
 * nor https.
 */
export function proxyFor(url: URL, env: NodeJS.ProcessEnv = process.env): URL | undefined {
  const variable = (name: string) => env[name.toLowerCase()] || env[name]
  const text = variable(url.protocol === 'https:' ? 'HTTPS_PROXY' : 'HTTP_PROXY') || variable('ALL_PROXY')
  if (!text || isExempt(url, variable('NO_PROXY') ?? '')) return undefined
  const address = /^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `http://${text}`
  if (!URL.canParse(address) || !/^https?:$/.test(new URL(address).protocol)) {
    throw new UserError('the proxy named by the environment (HTTPS_PROXY, HTTP_PROXY) must be an http or https address')
  }
  return new URL(address)
}

/** Whether NO_PROXY lists an address. Entries are hosts with an optional port, subdomains included; * matches all. */
function isExempt(url: URL, list: string): boolean {
  const port = url.port || (url.protocol === 'https:' ? '443' : '80')
  return list.split(/[\s,]+/).some((entry) => {
    if (entry === '*') return true
    const [, host, onlyPort] = /^\*?\.?(.+?)(?::(\d+))?$/.exec(entry.toLowerCase()) ?? []
    if (host === undefined || (onlyPort && onlyPort !== port)) return false
    return url.hostname === host || url.hostname.endsWith(`.${host}`)
  })
}

/** Header with the user and password of the proxy's address, if it has them. */
function proxyAuthorization(proxy: URL): Record<string, string> {
  if (!proxy.username) return {}
  const credentials = `${decodeURIComponent(proxy.username)}:${decodeURIComponent(proxy.password)}`
  return { 'proxy-authorization': `Basic ${Buffer.from(credentials).toString('base64')}` }
}

/** Connects to https hosts through a proxy, which passes on encrypted bytes. */
class TunnelAgent extends https.Agent {
  constructor(
    private readonly proxy: URL,
    options: https.AgentOptions,
  ) {
    super(options)
  }

  override createConnection(
    options: tls.ConnectionOptions & { host?: string },
    callback?: (error: Error | null, socket: Duplex) => void,
  ): undefined {
    const { host = '', port = 443 } = options
    const target = `${host.includes(':') ? `[${host}]` : host}:${port}`
    const connect = (this.proxy.protocol === 'https:' ? https : http).request(this.proxy, {
      method: 'CONNECT',
      path: target,
      headers: { host: target, ...proxyAuthorization(this.proxy) },
      agent: false,
      timeout: this.options.timeout,
    })
    const fail = (error: Error) => (callback as (error: Error) => void)(error)
    connect.once('timeout', () => connect.destroy(new Error(`the proxy ${this.proxy.host} does not answer`)))
    connect.once('error', fail)
    connect.once('connect', ({ statusCode }, socket) => {
      if (statusCode !== 200) {
        socket.destroy()
        return fail(new Error(`the proxy ${this.proxy.host} refuses with status ${statusCode}`))
      }
      callback?.(null, tls.connect({ ...options, socket, servername: options.servername ?? host }))
    })
    connect.end()
  }
}
