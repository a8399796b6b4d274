import { createHash, timingSafeEqual } from 'node:crypto'
import { isIP } from 'node:net'
import { hostname } from 'node:os'
import type { Context, MiddlewareHandler, Next } from 'hono'
import { cors } from 'hono/cors'
import { ApiError } from '../common/api-error.js'

export interface AuthOptions {
  /** Key that clients must send as `Authorization: Bearer KEY` or as `X-Api-Key: KEY`. Default: none. */
  apiKey?: string
  /** Name or address that the server listens on. Default 127.0.0.1. */
  host?: string
  /** Origin whose pages may use the API from a browser; `*` for any. Default: only the server's own. */
  cors?: string
}

/** Paths without a key: they reveal nothing about the model. */
const OPEN = ['/health', '/', '/favicon.ico']
const isOpen = (path: string) => OPEN.includes(path) || path.startsWith('/page/')

/**
 * Checks who may use the server. With a key, each request must send it. Without one, any program that can reach the server
 * may use it, but no page from another site: such a page sends its own Host name (DNS rebinding) or origin.
 *
 * hono/bearer-auth is not used: it refuses in another form than an ApiError.
 */
export function guard({ apiKey, host = '127.0.0.1', cors: origin }: AuthOptions): MiddlewareHandler {
  const crossOrigin =
    origin === undefined
      ? undefined
      : cors({
          origin,
          allowHeaders: ['Content-Type', 'Authorization', 'X-Api-Key', 'Anthropic-Version', 'X-Conversation-Id'],
          exposeHeaders: ['X-Request-Id', 'Retry-After'],
        })
  const admit = async (c: Context, next: Next) => {
    if (apiKey === undefined) checkHost(c.req.header('Host') ?? '', host)
    else if (!isOpen(c.req.path)) checkKey(keyOf(c), apiKey)
    await next()
  }
  // A browser's preflight request carries no key, so it must not reach `admit`.
  if (!crossOrigin) return admit
  return (c, next) => crossOrigin(c, () => admit(c, next))
}

/** The key that a request sends: clients of Anthropic's API have a header of their own for it. */
function keyOf(c: Context): string | undefined {
  const [, bearer] = /^Bearer +(\S.*?) *$/i.exec(c.req.header('Authorization') ?? '') ?? []
  return bearer ?? (c.req.header('X-Api-Key') || undefined)
}

/** Compares hashes in constant time. */
function checkKey(given: string | undefined, key: string): void {
  if (given === undefined) {
    throw new ApiError(401, 'an API key is required: Authorization: Bearer KEY', { code: 'missing_api_key' })
  }
  if (!timingSafeEqual(hashOf(given), hashOf(key))) {
    throw new ApiError(401, 'the API key is wrong', { code: 'invalid_api_key' })
  }
}

function hashOf(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}

/** Rejects host names that are not this computer's (DNS rebinding). An address is always right: it cannot be redirected. */
function checkHost(header: string, listensAt: string): void {
  const name = header
    .replace(/:\d*$/, '')
    .replace(/^\[(.*)\]$/, '$1')
    .toLowerCase()
  const own = ['localhost', hostname().toLowerCase(), listensAt.toLowerCase()]
  if (isIP(name) || own.includes(name)) return
  const message = `this server does not answer to the host name ${JSON.stringify(name.slice(0, 100))}`
  throw new ApiError(403, `${message}; give it an --api-key, or use its address`, { code: 'unknown_host' })
}
