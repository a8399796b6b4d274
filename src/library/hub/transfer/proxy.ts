import http from 'node:http'
import https from 'node:https'
import type { Duplex } from 'node:stream'
import tls from 'node:tls'
import { UserError } from '../../../ground/errors.js'

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
export function proxyAuthorization(proxy: URL): Record<string, string> {
  if (!proxy.username) return {}
  const credentials = `${decodeURIComponent(proxy.username)}:${decodeURIComponent(proxy.password)}`
  return { 'proxy-authorization': `Basic ${Buffer.from(credentials).toString('base64')}` }
}

/** Connects to https hosts through a proxy, which passes on encrypted bytes. */
export class TunnelAgent extends https.Agent {
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
