import { ASK_NAMES, type AskName, type FormName } from '../../api/ask-options.js'
import { OPTION_NAMES, type OptionName } from '../../api/generation-options.js'
import { type Message, messageText, type Name, option } from '../../ground/message.js'
import { snakeCase } from '../../ground/spelling.js'

export type Status = 400 | 401 | 403 | 404 | 413 | 415 | 429 | 500 | 503

const OTHERS = ['prompt', 'suffix', 'n', 'stream', 'routes', 'mask', 'interventions'] as const

/** Settings of a request, by the library's names. Each API has its own names for them. */
export type InnerField = OptionName | AskName | (typeof OTHERS)[number]

/** The names that an API has for the fields. */
export type FieldNames = Readonly<Record<InnerField, string>>

/** Fields that have another name in each API. */
type NamedFields = Pick<FieldNames, 'think' | 'thinkBudget' | FormName>

/** An API's names: in snake case, but for those in `own`. */
export function fieldNames(own: NamedFields & Partial<FieldNames>): FieldNames {
  const all = [...OPTION_NAMES, ...ASK_NAMES, ...OTHERS].map((name) => [name, snakeCase(name)])
  return { ...(Object.fromEntries(all) as FieldNames), routes: 'routed_experts', ...own }
}

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
