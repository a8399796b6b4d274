import type { HttpBindings } from '@hono/node-server'
import type { Context } from 'hono'
import type { Choices } from '../run/choices.js'
import type { ReceivedBody } from './bodies.js'

/** A body whose JSON has been parsed. */
export interface JsonBody {
  value: unknown
  /** Length of its text. */
  length: number
  received: ReceivedBody
}

/** Facts about a request that its handlers share. */
export interface RequestState {
  /** X-Request-Id of the response. */
  id: string
  /** Texts that it generates, for the log. */
  choices?: Choices
  /** Its body, if that has been received before the endpoint runs. */
  body?: JsonBody
}

/** Of requests in progress. A request has several contexts if an application hands it to another. */
const states = new WeakMap<Request, RequestState>()

export function requestState({ req }: Context): RequestState {
  const state = states.get(req.raw) ?? { id: '' }
  states.set(req.raw, state)
  return state
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
