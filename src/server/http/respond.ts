import type { Context } from 'hono'
import type { Choices } from '../run/choices.js'
import type { Ticket } from '../run/ticket.js'
import { hasLargeBody } from './bodies.js'
import type { ServerContext } from './context.js'
import { onceAnswered } from './once-answered.js'
import { eventStream } from './stream.js'

/** A response body: complete, or streamed. Exactly one method is called, once. */
export interface Reply {
  readonly choices: Choices
  /** Memory that it takes at most, in the form that was asked for. */
  readonly bytes: number
  whole(): Promise<object>
  chunks(): AsyncGenerator<object>
}

/** Takes a place in the queue for a request, has its reply begun, and sends that in the form that was asked for. */
export async function respond(
  c: Context,
  context: ServerContext,
  isStream: boolean | undefined,
  begin: (ticket: Ticket) => Promise<Reply>,
): Promise<Response> {
  const ticket = context.queue.enter(c.req.raw.signal, hasLargeBody(c.req))
  try {
    const reply = await begin(ticket)
    // For the log.
    c.set('choices', reply.choices)
    const giveBack = context.answerMemory.reserve(reply.bytes)
    onceAnswered(c, giveBack)
    if (isStream) return eventStream(c, reply.chunks(), ticket, context)
    const text = JSON.stringify(await reply.whole())
    ticket.leave()
    // Until its reader has taken it.
    giveBack(text.length)
    return c.body(text, 200, { 'Content-Type': 'application/json' })
  } catch (error) {
    ticket.leave()
    throw error
  }
}
