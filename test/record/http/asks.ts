/** A request, and the name of its record. */
export interface Ask {
  name: string
  path: string
  method: string
  headers: Record<string, string>
  /** JSON, or a text that is sent as it is. */
  body?: unknown
}

/** A server and its requests, in their order. */
export interface Served {
  name: string
  /** Models that are written to its folder. */
  models: string[]
  /** Options of `molm serve`. */
  args: string[]
  /** A list for each start of the server. */
  starts: Ask[][]
}

const JSON_TYPE = { 'Content-Type': 'application/json' }

export const CHAT = '/v1/chat/completions'
export const COMPLETIONS = '/v1/completions'
export const RESPONSES = '/v1/responses'

export function get(name: string, path: string, headers: Record<string, string> = {}, method = 'GET'): Ask {
  return { name, path, method, headers }
}

export function post(name: string, path: string, body: unknown, headers: Record<string, string> = JSON_TYPE): Ask {
  return { name, path, method: 'POST', headers, body }
}

/** A request for a whole answer, and the same for a stream. */
export function both(name: string, path: string, body: object): Ask[] {
  const isOllamas = path.startsWith('/api/')
  const withUsage = isOllamas || path === RESPONSES ? {} : { stream_options: { include_usage: true } }
  return [
    post(name, path, isOllamas ? { ...body, stream: false } : body),
    post(`${name}-stream`, path, { ...body, stream: true, ...withUsage }),
  ]
}

/** A table of bodies, by the ends of their records' names, each for a whole answer and for a stream. */
export function table(name: string, path: string, common: object, rows: Record<string, object>): Ask[] {
  return Object.entries(rows).flatMap(([end, fields]) => both(`${name}-${end}`, path, { ...common, ...fields }))
}

/** A table of bodies, each for one request. */
export function single(name: string, path: string, common: object, rows: Record<string, object>): Ask[] {
  return Object.entries(rows).map(([end, fields]) => post(`${name}-${end}`, path, { ...common, ...fields }))
}

export const user = (content: unknown) => ({ role: 'user', content })
export const assistant = (content: unknown) => ({ role: 'assistant', content })
export const system = (content: unknown) => ({ role: 'system', content })
