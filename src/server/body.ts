import type { Context } from 'hono'
import type { z } from 'zod'
import { nearest } from '../spelling.js'
import { inOneTurn } from '../text/in-turns.js'
import { ApiError, ClientGone } from './errors.js'
import type { Serving } from './serving.js'

/**
 * Reads a request's JSON body and checks it. Rejects with an ApiError that names the field which cannot be used. A body
 * must say that it is JSON: a page of somebody else's, in a browser, cannot do so without asking first.
 */
export async function readBody<T extends z.ZodObject>(
  c: Context,
  schema: T,
  { limits, id, model }: Pick<Serving, 'limits' | 'id' | 'model'>,
): Promise<z.output<T>> {
  if (!/^application\/json\b/i.test(c.req.header('Content-Type') ?? '')) {
    throw new ApiError(415, 'the body must be JSON, and the header say so: Content-Type: application/json')
  }
  const bytes = await readBytes(c, limits.bodyBytes)
  // Large bodies that come at the same time are checked one by one, with the event loop in between.
  const check = () => schema.safeParse(parseJson(textOf(bytes)))
  const parsed = await inOneTurn(check, bytes.length)
  if (!parsed.success) throw refusal(parsed.error.issues[0], schema)
  const { model: named } = parsed.data as { model?: string }
  if (named !== undefined && named !== id && named !== model.name) throw unknownModel(named, id)
  return parsed.data
}

export function unknownModel(named: string, id: string): ApiError {
  const message = `there is no model ${JSON.stringify(named.slice(0, 100))} here; this is ${id}`
  return new ApiError(404, message, { param: 'model', code: 'model_not_found' })
}

async function readBytes(c: Context, most: number): Promise<Uint8Array> {
  const tooLarge = () => new ApiError(413, `a request's body may have ${most} bytes`, { code: 'too_large' })
  if (Number(c.req.header('Content-Length')) > most) throw tooLarge()
  const chunks: Uint8Array[] = []
  let length = 0
  try {
    for await (const chunk of c.req.raw.body ?? []) {
      length += chunk.length
      if (length > most) throw tooLarge()
      chunks.push(chunk)
    }
  } catch (error) {
    throw error instanceof ApiError ? error : new ClientGone('the client has gone')
  }
  return Buffer.concat(chunks)
}

function textOf(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw new ApiError(400, 'the body is not a text in UTF-8')
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new ApiError(400, 'the body is no JSON')
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

/** A field as one would write it: messages[0].content. */
function nameOf(path: readonly PropertyKey[]): string {
  const name = path.map((key) => (typeof key === 'number' ? `[${key}]` : `.${String(key)}`)).join('')
  return name.replace(/^\./, '').slice(0, 200)
}
