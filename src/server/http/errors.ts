import type { Context } from 'hono'
import { OPTION_NAMES } from '../../api/generation-options.js'
import { Busy, NoMemory, UserError } from '../../ground/errors.js'
import { type Message, messageText } from '../../ground/message.js'
import { ApiError, type Status } from '../common/api-error.js'
import { fieldIn } from '../common/option-fields.js'

const TYPES: Record<Status, string> = {
  400: 'invalid_request_error',
  401: 'authentication_error',
  403: 'permission_error',
  404: 'not_found_error',
  413: 'invalid_request_error',
  415: 'invalid_request_error',
  429: 'rate_limit_error',
  500: 'server_error',
  503: 'service_unavailable_error',
}

/** Maps an error to what the client sees; unexpected errors stay opaque. */
export function asApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error
  if (error instanceof Busy) {
    return new ApiError(503, withFields(error.phrase), { code: 'busy', retryAfter: error.retryAfter })
  }
  if (error instanceof NoMemory) return new ApiError(503, error.message, { code: 'no_memory' })
  if (error instanceof UserError) return new ApiError(400, withFields(error.phrase))
  return new ApiError(500, 'internal error; the server log has the details')
}

/**
 * A message of the library with the names of a request's fields: `maxTokens` is `max_tokens` there. Other names, such
 * as keywords of schemas, stay.
 */
export function withFields(message: Message): string {
  return messageText(message, (name) => (Object.hasOwn(FIELDS, name) ? `"${FIELDS[name]}"` : undefined), '"')
}

/** An error in the form of OpenAI's API. */
export function errorBody({ status, message, details: { param, code } }: ApiError) {
  return { error: { message, type: TYPES[status], param: param ?? null, code: code ?? null } }
}

/** An error's response, in the form of the API that the path belongs to. */
export function errorResponse(c: Context, error: ApiError): Response {
  const { retryAfter } = error.details
  if (retryAfter !== undefined) c.header('Retry-After', String(retryAfter))
  if (error.status === 401) c.header('WWW-Authenticate', 'Bearer')
  return c.json(c.req.path.startsWith('/api/') ? ollamaError(error) : errorBody(error), error.status)
}

/** An error in the form of ollama's API, which has no other place for the field's name than the message. */
export function ollamaError({ message, details: { param } }: ApiError): { error: string } {
  return { error: param === undefined || message.includes(param) ? message : `"${param}": ${message}` }
}

/** Fields of the options that have other names in the library. */
const FIELDS: Record<string, string> = {
  ...Object.fromEntries(OPTION_NAMES.map((name) => [name, fieldIn('openai', name) ?? name])),
  think: 'reasoning_effort',
  thinkBudget: 'thinking_budget',
  toolChoice: 'tool_choice',
  parallelToolCalls: 'parallel_tool_calls',
  schema: 'response_format',
}

/** The name that another API has for a field of chat completions. */
type NameOf = (field: string) => string

/** Replaces the names of fields in a message, which are in quotation marks. */
export function renameFields(message: string, nameOf: NameOf): string {
  return message.replace(/"([^"]+)"/g, (_, name: string) => `"${nameOf(name)}"`)
}

/** Runs work whose errors name fields of chat completions, and gives these the names of another API. */
export async function withFieldNames<T>(nameOf: NameOf, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    const { status, message, details } = asApiError(error)
    // An unexpected error is logged unchanged. The error of a client that has gone is never sent.
    if (status === 500) throw error
    const { param } = details
    const renamed = { ...details, ...(param !== undefined && { param: nameOf(param) }) }
    throw new ApiError(status, renameFields(message, nameOf), renamed)
  }
}
