import type { HttpBindings } from '@hono/node-server'
import type { Context } from 'hono'
import type { Ticket } from '../run/ticket.js'
import { ClientGone } from '../shared/api-error.js'
import type { Limits } from '../shared/limits.js'
import type { ServerContext } from './context.js'
import { asApiError, errorBody } from './errors.js'
import { requestIdOf } from './every-response.js'

const COMMENT = ': still working\n\n'
const DONE = 'data: [DONE]\n\n'
const HEADERS = {
  'Content-Type': 'text/event-stream; charset=utf-8',
  'Cache-Control': 'no-cache',
  // nginx would else hold chunks back.
  'X-Accel-Buffering': 'no',
}

/**
 * Server-sent events, an object each and `[DONE]` at the end; an error is an event too, since the status has been sent. An
 * event is only asked for when the connection has room for it. The ticket is aborted when the client goes, and left at the
 * end.
 *
 * hono's streamSSE is not used: it begins before the response is read, and its writes hide that the client has gone. Here
 * an event is made only when it is pulled.
 */
export function eventStream(
  c: Context,
  events: AsyncGenerator<object>,
  ticket: Ticket,
  { limits, onError }: Pick<ServerContext, 'onError'> & { limits: Pick<Limits, 'stallMs' | 'commentMs'> },
): Response {
  // Whoever takes nothing for so long is cut off; the comments keep a connection alive that has nothing to take.
  const { outgoing } = (c.env ?? {}) as Partial<HttpBindings>
  outgoing?.socket?.setTimeout(limits.stallMs)
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
  // A connection that has gone before the first event is never asked for any.
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
          if (!result) return send(COMMENT)
          next = undefined
          // Ended early, it must not look whole.
          if (result.done) ticket.signal.throwIfAborted()
          if (!result.done) return send(`data: ${JSON.stringify(result.value)}\n\n`)
          send(DONE)
        } catch (error) {
          if (!(error instanceof ClientGone)) {
            const told = asApiError(error)
            if (told.status === 500) onError(error, requestIdOf(c))
            send(`data: ${JSON.stringify(errorBody(told))}\n\n`)
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
  return c.body(body, 200, HEADERS)
}

/** What a promise resolves with, or undefined where that takes longer. */
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
