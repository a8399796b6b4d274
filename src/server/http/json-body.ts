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
 * Receives a request's body. The Content-Type must be JSON, since a browser does not let a page of another origin send
 * that without a preflight request. Rejects with an ApiError.
 */
export async function receiveBody(c: Context, bodies: Bodies): Promise<ReceivedBody> {
  if (!/^application\/json\b/i.test(c.req.header('Content-Type') ?? '')) {
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
