import type { Hono } from 'hono'
import type { z } from 'zod'
import type { FieldNames, Status } from '../common/api-error.js'
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
  /** Header that may have the API key in place of `Authorization`. */
  keyHeader?: string
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
