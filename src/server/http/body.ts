import type { Context } from 'hono'
import type { z } from 'zod'
import { inOneTurn } from '../../in-turns.js'
import { nearest } from '../../spelling.js'
import { ApiError } from '../common/api-error.js'
import type { ServerContext } from './context.js'
import { parseBody, receiveBody } from './json-body.js'
import { keptBytes } from './kept-bytes.js'
import { onceAnswered } from './once-answered.js'
import { requestState } from './request-state.js'
import { type KeptNulls, withoutNulls } from './without-nulls.js'

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

/** Error for a model that is not among those of the server, `ids`. */
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
