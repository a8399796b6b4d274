import { randomUUID } from 'node:crypto'
import type { MiddlewareHandler } from 'hono'
import { connectionOf, onceAnswered, requestState } from './request-state.js'

/** A finished request: answered, or closed by its client. */
export interface RequestEntry {
  /** X-Request-Id of its response. */
  id: string
  method: string
  path: string
  status: number
  /** Undefined if the request generates nothing. */
  tokens?: { prompt: number; generated: number }
  ms: number
  /** Whether the connection closed before the whole response was sent. */
  isCutOff: boolean
}

/** Gives every response an id, forbids browsers to guess its type or to show it in other sites, and reports it once it has ended. */
export function everyResponse(onRequest?: (entry: RequestEntry) => void): MiddlewareHandler {
  return async (c, next) => {
    const started = performance.now()
    const id = `req_${randomUUID().replaceAll('-', '')}`
    const state = requestState(c)
    state.id = id
    await next()
    c.res.headers.set('X-Request-Id', id)
    c.res.headers.set('X-Content-Type-Options', 'nosniff')
    // An image of another site would learn that molm runs here.
    c.res.headers.set('Cross-Origin-Resource-Policy', 'same-origin')
    const { outgoing } = connectionOf(c)
    if (!onRequest || !outgoing) return
    const { method, path } = c.req
    const { status } = c.res
    const report = () => {
      const usage = state.choices?.usage
      const tokens = usage && { prompt: usage.prompt_tokens, generated: usage.completion_tokens }
      const ms = performance.now() - started
      onRequest({ id, method, path, status, tokens, ms, isCutOff: !outgoing.writableFinished })
    }
    onceAnswered(c, report)
  }
}
