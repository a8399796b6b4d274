import { Hono } from 'hono'

/** What a browser is shown; nothing yet beside the API. */
export function pageRoutes(): Hono {
  return new Hono()
}
