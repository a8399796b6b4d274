import type { Context } from 'hono'
import type * as z from 'zod'
import { utf8Length } from '../../ground/bytes.js'
import { UserError } from '../../ground/errors.js'
import { inOneTurn } from '../../ground/in-turns.js'
import { isObject, parseJson } from '../../ground/json/json.js'
import { nearest } from '../../ground/spelling.js'
import { ApiError, ClientGone, refusedParam } from '../common/api-error.js'
import type { Bodies, ReceivedBody } from './bodies.js'
import type { ServerContext } from './context.js'
import { type JsonBody, onceAnswered, requestState } from './request-state.js'

/** Maximum number of values in a body: twice `promptTokens`. */
const MOST_VALUES = 2 ** 18
/** Maximum number of field names in a body; a message has two. */
const MOST_KEYS = 2 ** 16

/**
 * Receives a request's body. A browser must send it as JSON, since it lets a page of another origin do that only after a
 * preflight request. Other clients may send any Content-Type if the API takes it. Rejects with an ApiError.
 */
async function receiveBody(c: Context, bodies: Bodies): Promise<ReceivedBody> {
  const isJson = /^application\/json\b/i.test(c.req.header('Content-Type') ?? '')
  if (!isJson && (!requestState(c).api.takesAnyType || isFromBrowser(c))) {
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
function parseBody(c: Context, { bytes }: ReceivedBody): unknown {
  if (c.req.raw.signal.aborted) throw new ClientGone()
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

/** The model that a body may name, if the caller does not check that. */
type Addressee = Pick<ServerContext, 'bodies'> & Partial<Pick<ServerContext, 'id' | 'model'>>

/**
 * Reads a request's JSON body and checks it. Rejects with an ApiError that names the wrong field. Null fields count as
 * absent, except in `keptNulls`. The body counts as memory of bodies until the request has been answered.
 *
 * hono/body-limit is not used: it bounds each body, but not the memory of all together (bodies.ts).
 */
export async function readBody<T extends z.ZodObject>(
  c: Context,
  schema: T,
  { bodies, id, model }: Addressee,
  keptNulls?: KeptNulls,
): Promise<z.output<T>> {
  const state = requestState(c)
  const early = state.body
  // The checked values are enough from now on.
  state.body = undefined
  const body = early?.received ?? (await receiveBody(c, bodies))
  try {
    // Simultaneous large bodies are checked one by one, with turns of the event loop between them.
    const check = () => {
      const parsed = schema.safeParse(withoutNulls(early ? early.value : parseBody(c, body), keptNulls))
      body.parsed(keptBytes(parsed.data))
      return parsed
    }
    const parsed = await inOneTurn(check, early?.length ?? body.bytes.length)
    if (!parsed.success) throw refusal(parsed.error.issues[0], schema)
    const { model: named } = parsed.data as { model?: string }
    if (named !== undefined && id !== undefined && !isNameOf(named, [id, model?.name ?? id]))
      throw unknownModel(named, id)
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

/** Error for a model that is not among `ids`, the models of the server. */
export function unknownModel(named: string, ...ids: string[]): ApiError {
  const message = `the model ${JSON.stringify(named.slice(0, 100))} is not here; this server has ${ids.join(', ')}`
  return new ApiError(404, message, { param: 'model', code: 'model_not_found' })
}

function refusal(issue: z.core.$ZodIssue, schema: z.ZodObject): ApiError {
  if (issue.code === 'unrecognized_keys') {
    const [key] = issue.keys
    const param = nameOf([...issue.path, key])
    const meant = issue.path.length === 0 ? nearest(key, Object.keys(schema.shape)) : undefined
    const hint = meant ? `; did you mean "${meant}"?` : ''
    return refusedParam(param, `"${param}" is not supported${hint}`, 'unknown_parameter')
  }
  if (issue.path.length === 0) return new ApiError(400, 'the body must be an object')
  const param = nameOf(issue.path)
  return refusedParam(param, `"${param}" ${issue.message}`, 'invalid_value')
}

/** A field's name as in JavaScript: messages[0].content. */
function nameOf(path: readonly PropertyKey[]): string {
  const name = path.map((key) => (typeof key === 'number' ? `[${key}]` : `.${String(key)}`)).join('')
  return name.replace(/^\./, '').slice(0, 200)
}

/** Fields whose values keep their nulls, by name; fields of the elements of a list under `each`. */
export type KeptNulls = 'all' | { [field: string]: KeptNulls }

/** Removes null fields, in place: typed clients send every field that they know. In a JSON Schema a null has a meaning. */
export function withoutNulls(value: unknown, kept?: KeptNulls): unknown {
  if (kept === 'all') return value
  if (Array.isArray(value)) for (const element of value) withoutNulls(element, kept?.each)
  if (isObject(value)) {
    for (const key of Object.keys(value)) {
      if (value[key] === null) delete value[key]
      else withoutNulls(value[key], kept && Object.hasOwn(kept, key) ? kept[key] : undefined)
    }
  }
  return value
}

/*
 * Memory of parsed JSON in V8, measured and rounded up: a body of few bytes may have many values. A character takes one
 * byte, or two if any in its text is beyond Latin-1 and so has at least two bytes in UTF-8.
 */
const NUMBER_BYTES = 8
const TEXT_BYTES = 24
const LIST_BYTES = 48
const OBJECT_BYTES = 64
const FIELD_BYTES = 24

/** Estimates the bytes that a parsed JSON value takes. */
export function keptBytes(value: unknown): number {
  if (typeof value === 'string') return TEXT_BYTES + utf8Length(value)
  if (Array.isArray(value)) return value.reduce((sum, element) => sum + NUMBER_BYTES + keptBytes(element), LIST_BYTES)
  if (typeof value !== 'object' || value === null) return 0
  return Object.values(value).reduce((sum, field) => sum + FIELD_BYTES + keptBytes(field), OBJECT_BYTES)
}
