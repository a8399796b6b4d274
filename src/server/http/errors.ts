import type { Context } from 'hono'
import { Busy, NoMemory, UserError } from '../../ground/errors.js'
import { type Message, messageText } from '../../ground/message.js'
import { ApiError, type FieldNames } from '../common/api-error.js'
import type { Api } from './api.js'
import { requestState } from './request-state.js'

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

export function errorResponse(c: Context, error: ApiError): Response {
  const { retryAfter } = error.details
  if (retryAfter !== undefined) c.header('Retry-After', String(retryAfter))
  if (error.status === 401) c.header('WWW-Authenticate', 'Bearer')
  return c.json(errorBody(error, requestState(c).api), error.status)
}
