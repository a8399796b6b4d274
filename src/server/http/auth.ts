import { createHash, timingSafeEqual } from 'node:crypto'
import { isIP } from 'node:net'
import { hostname } from 'node:os'
import type { Context, MiddlewareHandler, Next } from 'hono'
import { cors } from 'hono/cors'
import { ApiError } from '../shared/api-error.js'

export interface AuthOptions {
  /** What clients must send as `Authorization: Bearer KEY`. Default: none is asked for. */
  apiKey?: string
  /** The name or address that the server was told to listen at. */
  host?: string
  /** Origin whose pages may use the API from a browser; `*` for any. Default: none but the server's own. */
  cors?: string
}

/** What needs no key: it tells nothing that is worth one. */
const OPEN = ['/health', '/', '/favicon.ico']
const isOpen = (path: string) => OPEN.includes(path) || path.startsWith('/page/')

/**
 * Lets in who may use the server. Without a key, that is anybody who can reach it; but no page of somebody else's in a
 * browser that can: its requests name the host that they believe to be talking to (DNS rebinding), and its own origin.
 *
 * hono/bearer-auth is not used: it refuses in a form of its own, and here each refusal is an ApiError.
 */
export function guard({ apiKey, host = '127.0.0.1', cors: origin }: AuthOptions): MiddlewareHandler {
  const crossOrigin =
    origin === undefined
      ? undefined
      : cors({
          origin,
          allowHeaders: ['Content-Type', 'Authorization'],
          exposeHeaders: ['X-Request-Id', 'Retry-After'],
        })
  const admit = async (c: Context, next: Next) => {
    if (apiKey === undefined) checkHost(c.req.header('Host') ?? '', host)
    else if (!isOpen(c.req.path)) checkKey(c.req.header('Authorization') ?? '', apiKey)
    await next()
  }
  // What a browser asks beforehand carries no key.
  if (!crossOrigin) return admit
  return (c, next) => crossOrigin(c, () => admit(c, next))
}

/** Compared by their hashes, which takes the same time whatever is the same in them. */
function checkKey(header: string, key: string): void {
  const [, given] = /^Bearer +(\S.*?) *$/i.exec(header) ?? []
  if (given === undefined) {
    throw new ApiError(401, 'an API key is needed: Authorization: Bearer KEY', { code: 'missing_api_key' })
  }
  if (!timingSafeEqual(hashOf(given), hashOf(key))) {
    throw new ApiError(401, 'this API key is not the right one', { code: 'invalid_api_key' })
  }
}

function hashOf(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}

/** A name that an attacker has made to point here is none of this computer's; an address cannot be made to. */
function checkHost(header: string, listensAt: string): void {
  const name = header
    .replace(/:\d*$/, '')
    .replace(/^\[(.*)\]$/, '$1')
    .toLowerCase()
  const own = ['localhost', hostname().toLowerCase(), listensAt.toLowerCase()]
  if (isIP(name) || own.includes(name)) return
  const message = `this server does not answer for the host ${JSON.stringify(name.slice(0, 100))}`
  throw new ApiError(403, `${message}; give it an --api-key, or use its address`, { code: 'unknown_host' })
}
