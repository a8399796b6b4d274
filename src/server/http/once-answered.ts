import type { HttpBindings } from '@hono/node-server'
import type { Context } from 'hono'

/** Calls `done` once the response has been sent or the client has disconnected; at once if there is no connection. */
export function onceAnswered({ env }: Context, done: () => void): void {
  const { outgoing } = (env ?? {}) as Partial<HttpBindings>
  if (!outgoing || outgoing.destroyed) done()
  else outgoing.once('close', done)
}
