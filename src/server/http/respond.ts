import type { Context } from 'hono'
import type { Choices } from '../run/choices.js'
import type { Queue, Ticket } from '../run/queue.js'
import { hasLargeBody } from './bodies.js'
import { clientOf } from './clients.js'
import type { ServerContext } from './context.js'
import { connectionOf, onceAnswered, requestState } from './request-state.js'
import { eventStream, type StreamFormat } from './stream.js'

/** A request's choices, ready to run. */
export interface BegunAnswer {
  choices: Choices
  /** Maximum bytes of the response, in the form that the request asks for. */
  bytes: number
}

/** A response body: complete, or streamed. Exactly one method is called, once. */
export interface Reply {
  readonly begun: BegunAnswer
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
  const ticket = enterQueue(c, context.queue)
  try {
    const reply = await begin(ticket)
    const { choices, bytes } = reply.begun
    requestState(c).choices = choices
    const held = context.memory.forAnswer(bytes)
    onceAnswered(c, () => held.set(0))
    if (isStream) return eventStream(c, reply.chunks(), ticket, context, reply.format)
    const text = JSON.stringify(await reply.whole())
    ticket.leave()
    // The text stays in memory until the client has read it.
    held.set(Math.min(bytes, text.length))
    return c.body(text, 200, { 'Content-Type': 'application/json' })
  } catch (error) {
    ticket.leave()
    throw error
  }
}

/** Adds a request to the queue. Throws an ApiError if the queue is full. */
export function enterQueue(c: Context, queue: Queue): Ticket {
  const client = clientOf(connectionOf(c).incoming?.socket.remoteAddress)
  return queue.enter({ signal: c.req.raw.signal, client, isLarge: hasLargeBody(c.req) })
}
