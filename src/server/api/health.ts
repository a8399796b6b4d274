import { Hono } from 'hono'
import { ApiError } from '../common/api-error.js'
import type { ServerContext } from '../http/context.js'
import { errorResponse } from '../http/errors.js'
import { everyResponse } from '../http/every-response.js'

/** `GET /health`, for balancers and supervisors: 200 while the server accepts requests. */
export function healthRoutes({ id, queue }: Pick<ServerContext, 'id' | 'queue'>): Hono {
  const app = new Hono()
  app.get('/health', (c) => {
    if (queue.closing) return c.json({ status: 'closing' }, 503)
    return c.json({ status: 'ok', model: id, ...queue.counts })
  })
  return app
}

/** Answers every request with 503 until the model has been loaded. */
export function loadingApp(): Hono {
  const app = new Hono()
  app.use(everyResponse())
  app.get('/health', (c) => c.json({ status: 'loading' }, 503))
  app.all('*', (c) => {
    const error = new ApiError(503, 'the model is loading', { code: 'loading', retryAfter: 2 })
    return errorResponse(c, error)
  })
  return app
}
