export type Status = 400 | 401 | 403 | 404 | 413 | 415 | 429 | 500 | 503

interface Details {
  /** The request's field that caused it. */
  param?: string
  /** A constant that programs can compare. */
  code?: string
  /** Seconds to wait before trying again. */
  retryAfter?: number
}

/** An error sent to the client, with its HTTP status. */
export class ApiError extends Error {
  constructor(
    readonly status: Status,
    message: string,
    readonly details: Details = {},
  ) {
    super(message)
  }
}

/** The error of a request whose field `param` is wrong. */
export function refused(param: string, message: string, code?: string): ApiError {
  return new ApiError(400, message, { param, code })
}

/** The error of a request with two fields that exclude each other, in the way that `how` says. */
export function contrary(first: string, other: string, how: string): ApiError {
  return refused(other, `"${first}" and "${other}" ${how}; send one of them`)
}

/** Thrown when the client has closed its connection. */
export class ClientGone extends Error {
  override message = 'the client has disconnected'
}
