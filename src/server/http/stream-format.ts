import type { ApiError } from '../common/api-error.js'
import { errorBody } from './errors.js'

/** Notation of a stream's objects. */
export interface StreamFormat {
  contentType: string
  event(value: object): string
  /** Keeps the connection alive while there is nothing to send. */
  idle(): string
  /** The end of a complete stream. */
  end: string
  /** Replaces the end of a stream that fails: the status has been sent by then. */
  error(error: ApiError): string
}

/** A server-sent event without a name. */
const data = (value: object) => `data: ${JSON.stringify(value)}\n\n`

export const SERVER_SENT_EVENTS: StreamFormat = {
  contentType: 'text/event-stream; charset=utf-8',
  event: data,
  idle: () => ': still working\n\n',
  end: 'data: [DONE]\n\n',
  error: (error) => data(errorBody(error)),
}
