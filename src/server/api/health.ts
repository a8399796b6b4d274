import { Hono } from 'hono'
import type { ServerContext } from '../http/context.js'
import { errorResponse } from '../http/errors.js'
import { everyResponse } from '../http/every-response.js'
import { ApiError } from '../shared/api-error.js'

/** `GET /health`: 200 as long as requests are taken, for balancers and for whoever started the server. */
export function healthRoutes({ id, queue }: Pick<ServerContext, 'id' | 'queue'>): Hono {
  const app = new Hono()
  app.get('/health', (c) => {
    if (queue.closing) return c.json({ status: 'closing' }, 503)
    return c.json({ status: 'ok', model: id, ...queue.counts })
  })
  return app
}

/** Answers until the model is there. */
export function loadingApp(): Hono {
  const app = new Hono()
  app.use(everyResponse())
  app.get('/health', (c) => c.json({ status: 'loading' }, 503))
  app.all('*', (c) => {
    const error = new ApiError(503, 'the model is being loaded', { code: 'loading', retryAfter: 2 })
    return errorResponse(c, error)
  })
  return app
}
