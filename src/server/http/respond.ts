import type { Context } from 'hono'
import type { Answer } from '../run/choices.js'
import type { Serving } from '../run/context.js'
import type { Ticket } from '../run/ticket.js'
import { hasLargeBody } from './bodies.js'
import { onceAnswered } from './once-answered.js'
import { eventStream } from './stream.js'

/** A response body: complete, or streamed. Exactly one method is called, once. */
export interface Reply {
  readonly answer: Answer
  /** Memory that it takes at most, in the form that was asked for. */
  readonly bytes: number
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
  const ticket = serving.queue.enter(c.req.raw.signal, hasLargeBody(c.req))
  try {
    const reply = await begin(ticket)
    // For the log.
    c.set('answer', reply.answer)
    const giveBack = serving.answerMemory.reserve(reply.bytes)
    onceAnswered(c, giveBack)
    if (isStream) return eventStream(c, reply.chunks(), ticket, serving)
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
