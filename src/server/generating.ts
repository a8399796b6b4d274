import type { Context } from 'hono'
import type { Ticket } from './queue.js'
import type { Serving } from './serving.js'
import { eventStream } from './stream.js'

/** What is said to a request that generates: all at once, or as it comes. One of them is called, once. */
export interface Reply {
  whole(): Promise<object>
  chunks(): AsyncGenerator<object>
}

/** Takes a place in the queue for a request, has its reply begun, and sends that in the form that was asked for. */
export async function generating(
  c: Context,
  serving: Serving,
  isStream: boolean | undefined,
  begin: (ticket: Ticket) => Promise<Reply>,
): Promise<Response> {
  const ticket = serving.queue.enter(c.req.raw.signal)
  try {
    const reply = await begin(ticket)
    if (isStream) return eventStream(c, reply.chunks(), ticket, serving)
    const whole = await reply.whole()
    ticket.leave()
    return c.json(whole)
  } catch (error) {
    ticket.leave()
    throw error
  }
}
