import type { Context } from 'hono'
import { UserError } from '../../errors.js'
import { inOneTurn } from '../../in-turns.js'
import { parseJson } from '../../json.js'
import { ApiError, ClientGone } from '../common/api-error.js'
import type { Bodies, ReceivedBody } from './bodies.js'
import { keptBytes } from './kept-bytes.js'

/** Maximum number of values in a body: twice `promptTokens`. */
const MOST_VALUES = 2 ** 18
/** Maximum number of field names in a body; a message has two. */
const MOST_KEYS = 2 ** 16

/** A body whose JSON has been parsed. */
export interface JsonBody {
  value: unknown
  /** Length of its text. */
  length: number
  received: ReceivedBody
}

/**
 * Receives a request's body. A browser must send it as JSON, since it lets a page of another origin do that only after a
 * preflight request. Other clients may send any Content-Type to ollama's API: curl's is that of a form, and the examples
 * of ollama leave it so. Rejects with an ApiError.
 */
export async function receiveBody(c: Context, bodies: Bodies): Promise<ReceivedBody> {
  const isJson = /^application\/json\b/i.test(c.req.header('Content-Type') ?? '')
  if (!isJson && (!c.req.path.startsWith('/api/') || isFromBrowser(c))) {
    throw new ApiError(415, 'the body must be JSON, sent with Content-Type: application/json')
  }
  const length = c.req.header('Content-Length')
  return bodies.receive(c.req.raw.body, length === undefined ? undefined : Number(length))
}

/** Receives a body and parses it. Rejects with an ApiError. */
export async function receiveJson(c: Context, bodies: Bodies): Promise<JsonBody> {
  const received = await receiveBody(c, bodies)
  const { length } = received.bytes
  try {
    // Simultaneous large bodies are parsed one by one, with turns of the event loop between them.
    const value = await inOneTurn(() => parseBody(c, received), length)
    received.parsed(keptBytes(value))
    return { value, length, received }
  } catch (error) {
    received.release()
    throw error
  }
}

/** The value of a body. Throws an ApiError if it is not JSON. */
export function parseBody(c: Context, { bytes }: ReceivedBody): unknown {
  if (c.req.raw.signal.aborted) throw new ClientGone('the client has disconnected')
  try {
    return parseJson(bytes, 'the body', MOST_VALUES, MOST_KEYS)
  } catch (error) {
    throw error instanceof UserError ? new ApiError(400, error.message) : error
  }
}

/** Whether a request has a header that browsers add and pages cannot take away. */
function isFromBrowser(c: Context): boolean {
  return ['Origin', 'Referer', 'Sec-Fetch-Site', 'Sec-Fetch-Mode'].some((name) => c.req.header(name) !== undefined)
}
