import type { HttpBindings } from '@hono/node-server'
import type { Context } from 'hono'

/** Calls `done` once a response has been sent or its client has gone; at once if the request has no connection. */
export function onceAnswered({ env }: Context, done: () => void): void {
  const { outgoing } = (env ?? {}) as Partial<HttpBindings>
  if (!outgoing || outgoing.destroyed) done()
  else outgoing.once('close', done)
}
