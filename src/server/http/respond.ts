import type { Context } from 'hono'
import type { Choices } from '../run/choices.js'
import type { Ticket } from '../run/ticket.js'
import { hasLargeBody } from './bodies.js'
import type { ServerContext } from './context.js'
import { onceAnswered } from './once-answered.js'
import { requestState } from './request-state.js'
import { eventStream } from './stream.js'
import type { StreamFormat } from './stream-format.js'

/** A response body: complete, or streamed. Exactly one method is called, once. */
export interface Reply {
  readonly choices: Choices
  /** Maximum bytes of memory, in the form that the request asks for. */
  readonly bytes: number
  /** Notation of a stream. Default: server-sent events. */
  readonly format?: StreamFormat
  whole(): Promise<object>
  chunks(): AsyncGenerator<object>
}

/** Enters a request into the queue, begins its reply, and sends that complete or as a stream. */
export async function respond(
  c: Context,
  context: ServerContext,
  isStream: boolean | undefined,
  begin: (ticket: Ticket) => Promise<Reply>,
): Promise<Response> {
  const ticket = context.queue.enter(c.req.raw.signal, hasLargeBody(c.req))
  try {
    const reply = await begin(ticket)
    requestState(c).choices = reply.choices
    const release = context.answerMemory.reserve(reply.bytes)
    onceAnswered(c, release)
    if (isStream) return eventStream(c, reply.chunks(), ticket, context, reply.format)
    const text = JSON.stringify(await reply.whole())
    ticket.leave()
    // The text stays in memory until the client has read it.
    release(text.length)
    return c.body(text, 200, { 'Content-Type': 'application/json' })
  } catch (error) {
    ticket.leave()
    throw error
  }
}
