import type { Context } from 'hono'
import type { Choices } from '../run/choices.js'
import type { JsonBody } from './json-body.js'

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
