import type { AskName } from '../../api/ask-options.js'
import type { OptionName } from '../../api/generation-options.js'
import { type Message, messageText, type Name, option } from '../../ground/message.js'

export type Status = 400 | 401 | 403 | 404 | 413 | 415 | 429 | 500 | 503

/** Settings of a request, by the library's names. Each API has its own names for them. */
export type InnerField = OptionName | AskName | 'prompt' | 'suffix' | 'n' | 'stream' | 'routes' | 'mask'

/** The names that an API has for the fields. */
export type FieldNames = Readonly<Record<InnerField, string>>

interface Details {
  /** The request's field that caused it. */
  field?: InnerField
  /** The same as the body of the request names it, if only the API knows it. */
  param?: string
  /** A constant that programs can compare. */
  code?: string
  /** Seconds to wait before trying again. */
  retryAfter?: number
}

/** A field in a message, which each API shows by its own name. */
export const field = (name: InnerField): Name => option(name)

/** An error sent to the client, with its HTTP status. */
export class ApiError extends Error {
  constructor(
    readonly status: Status,
    readonly phrase: Message,
    readonly details: Details = {},
  ) {
    super(messageText(phrase))
  }
}

/** The error of a request whose field is wrong. */
export function refused(field: InnerField, message: Message, code?: string): ApiError {
  return new ApiError(400, message, { field, code })
}

/** The error of a body whose field `param` is wrong. */
export function refusedParam(param: string, message: Message, code?: string): ApiError {
  return new ApiError(400, message, { param, code })
}

/** Thrown when the client has closed its connection. */
export class ClientGone extends Error {
  override message = 'the client has disconnected'
}
