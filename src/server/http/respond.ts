import type { Context } from 'hono'
import { ClientGone } from '../common/api-error.js'
import type { Limits } from '../common/limits.js'
import type { Choices } from '../run/choices.js'
import type { Queue, Ticket } from '../run/queue.js'
import { asApiError, errorBody } from './api.js'
import { hasLargeBody } from './bodies.js'
import { clientOf } from './clients.js'
import type { ServerContext } from './context.js'
import { connectionOf, onceAnswered, requestState } from './request-state.js'

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

/** Notation of a stream's objects. */
export interface StreamFormat {
  contentType: string
  event(value: object): string
  /** Keeps the connection alive while there is nothing to send. */
  idle(): string
  /** The end of a complete stream. */
  end: string
  /** Replaces the end of a stream that fails: the status has been sent by then. `body` is the error in the API's form. */
  error(body: object): string
}

/** A server-sent event without a name. */
const data = (value: object) => `data: ${JSON.stringify(value)}\n\n`

export const SERVER_SENT_EVENTS: StreamFormat = {
  contentType: 'text/event-stream; charset=utf-8',
  event: data,
  idle: () => ': still working\n\n',
  end: 'data: [DONE]\n\n',
  error: data,
}

const HEADERS = {
  'Cache-Control': 'no-cache',
  // Keeps nginx from buffering chunks.
  'X-Accel-Buffering': 'no',
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

/** Answers with the result of `work`, in one piece. Meanwhile the request counts as waiting. */
export async function respondOnce(
  c: Context,
  { queue, memory }: Pick<ServerContext, 'queue' | 'memory'>,
  work: (ticket: Ticket) => Promise<object>,
): Promise<Response> {
  const ticket = enterQueue(c, queue)
  try {
    const text = JSON.stringify(await work(ticket))
    const held = memory.forAnswer(text.length)
    onceAnswered(c, () => held.set(0))
    return c.body(text, 200, { 'Content-Type': 'application/json' })
  } finally {
    ticket.leave()
  }
}

/** Adds a request to the queue. Throws an ApiError if the queue is full. */
function enterQueue(c: Context, queue: Queue): Ticket {
  const client = clientOf(connectionOf(c).incoming?.socket.remoteAddress)
  return queue.enter({ signal: c.req.raw.signal, client, isLarge: hasLargeBody(c.req) })
}

/**
 * Streamed response of objects. Each is made only when the connection has room for it. The ticket is aborted if the client
 * disconnects, and left at the end.
 *
 * hono's streamSSE is not used: it begins before the response is read, and its writes hide that the client has
 * disconnected. Here an event is made only when it is pulled.
 */
function eventStream(
  c: Context,
  events: AsyncGenerator<object>,
  ticket: Ticket,
  { limits, onError }: Pick<ServerContext, 'onError'> & { limits: Pick<Limits, 'stallMs' | 'commentMs'> },
  format: StreamFormat = SERVER_SENT_EVENTS,
): Response {
  // Disconnects a client that stops reading. `idle` keeps the connection alive while there is nothing to read.
  connectionOf(c).outgoing?.socket?.setTimeout(limits.stallMs)
  const encoder = new TextEncoder()
  let next: Promise<IteratorResult<object>> | undefined
  let isGone = false
  let ending: Promise<void> | undefined
  const end = () => {
    ending ??= (async () => {
      ticket.abort()
      await events.return(undefined).catch(() => undefined)
      ticket.leave()
    })()
    return ending
  }
  // A connection that closes before the first event is never pulled.
  ticket.signal.addEventListener('abort', end)
  const body = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const send = (text: string) => {
          if (!isGone) controller.enqueue(encoder.encode(text))
        }
        try {
          next ??= events.next()
          const result = await within(next, limits.commentMs)
          if (!result) return send(format.idle())
          next = undefined
          // A generation that ended early must not look complete.
          if (result.done) ticket.signal.throwIfAborted()
          if (!result.done) return send(format.event(result.value))
          send(format.end)
        } catch (error) {
          if (!(error instanceof ClientGone)) {
            const apiError = asApiError(error)
            if (apiError.status === 500) onError(error, requestState(c).id)
            send(format.error(errorBody(apiError, requestState(c).api)))
          }
        }
        if (!isGone) controller.close()
        await end()
      },
      cancel() {
        isGone = true
        return end()
      },
    },
    { highWaterMark: 0 },
  )
  return c.body(body, 200, { ...HEADERS, 'Content-Type': format.contentType })
}

/** Resolves with a promise's value, or with undefined after `ms`. */
async function within<T>(promise: Promise<T>, ms: number): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), ms)
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}
