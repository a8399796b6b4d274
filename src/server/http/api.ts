import type { Hono } from 'hono'
import type * as z from 'zod'
import { Busy, NoMemory, UserError } from '../../ground/errors.js'
import { type Message, messageText } from '../../ground/message.js'
import { ApiError, type FieldNames, type Status } from '../common/api-error.js'
import type { ServerContext } from './context.js'

/** An API: its paths, its names of fields, and its form of errors. */
export interface Api {
  name: string
  /** Beginning of its paths. */
  prefix: string
  /** Endpoints that generate a text, with the schemas of their bodies. */
  bodies: Readonly<Record<string, z.ZodObject>>
  /** Adds these endpoints to the application of a loaded model. */
  routes(app: Hono, context: ServerContext): void
  names: FieldNames
  errorBody(error: ShownError): object
  /** Whether programs may send JSON with any Content-Type. Default: false. */
  takesAnyType?: boolean
  /** Paths that clients expect, with what to use instead. With a slash at the end: all paths below it. */
  instead: Readonly<Record<string, string>>
}

/** An error with the API's names of fields. */
export interface ShownError {
  status: Status
  message: string
  param?: string
  code?: string
}

/** Maps an error to what the client sees; unexpected errors stay opaque. */
export function asApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error
  if (error instanceof Busy) return new ApiError(503, error.phrase, { code: 'busy', retryAfter: error.retryAfter })
  if (error instanceof NoMemory) return new ApiError(503, error.phrase, { code: 'no_memory' })
  if (error instanceof UserError) return new ApiError(400, error.phrase)
  return new ApiError(500, 'internal error; the server log has the details')
}

/** A message with an API's names of fields. */
export function withFields(message: Message, names: FieldNames): string {
  const nameOf = (name: string) => (Object.hasOwn(names, name) ? `"${names[name as keyof FieldNames]}"` : undefined)
  return messageText(message, nameOf, '"')
}

/** An error in the form of the API that its request belongs to. */
export function errorBody({ status, phrase, details }: ApiError, { names, errorBody }: Api): object {
  const { field, param = field && names[field], code } = details
  return errorBody({ status, message: withFields(phrase, names), param, code })
}
