import type { HttpBindings } from '@hono/node-server'
import type { Context, MiddlewareHandler } from 'hono'
import type { ApiError } from '../common/api-error.js'
import type { Choices } from '../run/choices.js'
import { type Api, errorBody } from './api.js'
import type { ReceivedBody } from './bodies.js'

/** A body whose JSON has been parsed. */
export interface JsonBody {
  value: unknown
  /** Length of its text. */
  length: number
  received: ReceivedBody
}

/** Facts about a request that its handlers share. */
interface RequestState {
  /** X-Request-Id of the response. */
  id: string
  /** The API that its path belongs to. */
  api: Api
  /** Texts that it generates, for the log. */
  choices?: Choices
  /** Its body, if that has been received before the endpoint runs. */
  body?: JsonBody
}

/** Of requests in progress. A request has several contexts if an application hands it to another. */
const states = new WeakMap<Request, RequestState>()

export function requestState({ req }: Context): RequestState {
  const state = states.get(req.raw)
  if (!state) throw new Error('the request has not passed everyRequest')
  return state
}

export function errorResponse(c: Context, error: ApiError): Response {
  const { retryAfter } = error.details
  if (retryAfter !== undefined) c.header('Retry-After', String(retryAfter))
  if (error.status === 401) c.header('WWW-Authenticate', 'Bearer')
  return c.json(errorBody(error, requestState(c).api), error.status)
}

/** A request whose response has been sent, for the server's log. */
export interface RequestEntry {
  /** X-Request-Id of the response. */
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

/**
 * Gives every request its state. Gives every response an id, forbids browsers to guess its type or to show it in other sites,
 * and reports it once it has ended.
 */
export function everyRequest(
  apiOf: (path: string) => Api,
  onRequest?: (entry: RequestEntry) => void,
): MiddlewareHandler {
  return async (c, next) => {
    const started = performance.now()
    const { method, path } = c.req
    const id = `req_${crypto.randomUUID().replaceAll('-', '')}`
    const state: RequestState = { id, api: apiOf(path) }
    states.set(c.req.raw, state)
    await next()
    c.res.headers.set('X-Request-Id', id)
    c.res.headers.set('X-Content-Type-Options', 'nosniff')
    // An image of another site would learn that molm runs here.
    c.res.headers.set('Cross-Origin-Resource-Policy', 'same-origin')
    const { outgoing } = connectionOf(c)
    if (!onRequest || !outgoing) return
    const { status } = c.res
    const report = () => {
      const usage = state.choices?.usage
      const tokens = usage && { prompt: usage.promptTokens, generated: usage.generatedTokens }
      const ms = performance.now() - started
      onRequest({ id, method, path, status, tokens, ms, isCutOff: !outgoing.writableFinished })
    }
    onceAnswered(c, report)
  }
}

/** The connection of a request; empty in a test without one. */
export function connectionOf({ env }: Context): Partial<HttpBindings> {
  return env ?? {}
}

/** Calls `done` once the response has been sent or the client has disconnected; at once if there is no connection. */
export function onceAnswered(c: Context, done: () => void): void {
  const { outgoing } = connectionOf(c)
  if (!outgoing || outgoing.destroyed) done()
  else outgoing.once('close', done)
}
