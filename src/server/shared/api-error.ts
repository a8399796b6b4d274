export type Status = 400 | 401 | 403 | 404 | 413 | 415 | 429 | 500 | 503

interface Details {
  /** The field that is at fault. */
  param?: string
  /** For programs. */
  code?: string
  /** Seconds after which it may be tried again. */
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

/** Thrown when the client has gone. */
export class ClientGone extends Error {}
