import { Refusal } from './refusal.js'

/** The connection ended before the answer did. */
export class ServerGone extends Error {
  constructor(outcome = 'this answer is cut') {
    super(`the server went away; ${outcome}`)
  }
}

/**
 * Yields the objects of server-sent events up to `[DONE]`. Rejects at an event that is an error, and if the stream ends
 * without `[DONE]`.
 */
export async function* readEvents(body: ReadableStream<Uint8Array>): AsyncGenerator<unknown, void> {
  const decoder = new TextDecoder()
  const reader = body.getReader()
  let rest = ''
  let isWhole = false
  try {
    for (;;) {
      const { done, value } = await reader.read().catch(() => {
        throw new ServerGone()
      })
      if (done && isWhole) return
      if (done) throw new ServerGone()
      const lines = (rest + decoder.decode(value, { stream: true })).split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) {
        // Other lines are comments, which keep the connection alive, and the empty ends of events.
        if (!line.startsWith('data:')) continue
        const data = line.slice(5).trim()
        if (data === '[DONE]') {
          isWhole = true
          continue
        }
        const event = JSON.parse(data)
        if (event.error) throw new Refusal(String(event.error.message), event.error.param ?? undefined)
        yield event
      }
    }
  } finally {
    await reader.cancel().catch(() => undefined)
  }
}
