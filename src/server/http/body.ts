import type { Context } from 'hono'
import type { z } from 'zod'
import { UserError } from '../../errors.js'
import { inOneTurn } from '../../in-turns.js'
import { parseJson } from '../../json.js'
import { nearest } from '../../spelling.js'
import { ApiError, ClientGone } from '../common/api-error.js'
import type { ReceivedBody } from './bodies.js'
import type { ServerContext } from './context.js'
import { keptBytes } from './kept-bytes.js'
import { onceAnswered } from './once-answered.js'
import { type KeptNulls, withoutNulls } from './without-nulls.js'

/** Maximum number of values in a body: twice `promptTokens`. */
const MOST_VALUES = 2 ** 18
/** Maximum number of field names in a body; a message has two. */
const MOST_KEYS = 2 ** 16

/**
 * Reads a request's JSON body and checks it. Rejects with an ApiError that names the wrong field. The Content-Type must be
 * JSON, since a browser does not let a page of another origin send that without a preflight request. Null fields count as
 * absent, except in `keptNulls`. The body counts as memory of bodies until the request has been answered.
 *
 * hono/body-limit is not used: it bounds each body, but not the memory of all together (bodies.ts).
 */
export async function readBody<T extends z.ZodObject>(
  c: Context,
  schema: T,
  { bodies, id, model }: Pick<ServerContext, 'bodies' | 'id' | 'model'>,
  keptNulls?: KeptNulls,
): Promise<z.output<T>> {
  if (!/^application\/json\b/i.test(c.req.header('Content-Type') ?? '')) {
    throw new ApiError(415, 'the body must be JSON, sent with Content-Type: application/json')
  }
  const length = c.req.header('Content-Length')
  const body = await bodies.receive(c.req.raw.body, length === undefined ? undefined : Number(length))
  try {
    // Simultaneous large bodies are checked one by one, with turns of the event loop between them.
    const parsed = await inOneTurn(() => parse(c, body, schema, keptNulls), body.bytes.length)
    if (!parsed.success) throw refusal(parsed.error.issues[0], schema)
    const { model: named } = parsed.data as { model?: string }
    if (named !== undefined && !isNameOf(named, [id, model.name])) throw unknownModel(named, id)
    onceAnswered(c, () => body.release())
    return parsed.data
  } catch (error) {
    body.release()
    throw error
  }
}

/** Whether a request names one of these models. Clients of ollama add `:latest` to names. */
export function isNameOf(named: string, names: readonly string[]): boolean {
  return names.some((name) => named === name || named === `${name}:latest`)
}

export function unknownModel(named: string, id: string): ApiError {
  const message = `the model ${JSON.stringify(named.slice(0, 100))} is not here; this server has ${id}`
  return new ApiError(404, message, { param: 'model', code: 'model_not_found' })
}

function parse<T extends z.ZodObject>(c: Context, body: ReceivedBody, schema: T, keptNulls?: KeptNulls) {
  if (c.req.raw.signal.aborted) throw new ClientGone('the client has disconnected')
  const parsed = schema.safeParse(withoutNulls(jsonOf(body.bytes), keptNulls))
  body.parsed(keptBytes(parsed.data))
  return parsed
}

function jsonOf(bytes: Uint8Array): unknown {
  try {
    return parseJson(bytes, 'the body', MOST_VALUES, MOST_KEYS)
  } catch (error) {
    throw error instanceof UserError ? new ApiError(400, error.message) : error
  }
}

function refusal(issue: z.core.$ZodIssue, schema: z.ZodObject): ApiError {
  if (issue.code === 'unrecognized_keys') {
    const [key] = issue.keys
    const param = nameOf([...issue.path, key])
    const meant = issue.path.length === 0 ? nearest(key, Object.keys(schema.shape)) : undefined
    const hint = meant ? `; did you mean "${meant}"?` : ''
    return new ApiError(400, `"${param}" is not supported${hint}`, { param, code: 'unknown_parameter' })
  }
  if (issue.path.length === 0) return new ApiError(400, 'the body must be an object')
  const param = nameOf(issue.path)
  return new ApiError(400, `"${param}" ${issue.message}`, { param, code: 'invalid_value' })
}

/** A field's name as in JavaScript: messages[0].content. */
function nameOf(path: readonly PropertyKey[]): string {
  const name = path.map((key) => (typeof key === 'number' ? `[${key}]` : `.${String(key)}`)).join('')
  return name.replace(/^\./, '').slice(0, 200)
}
