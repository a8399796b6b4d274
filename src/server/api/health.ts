import { Hono } from 'hono'
import { ApiError } from '../common/api-error.js'
import { errorResponse } from '../http/errors.js'
import { everyResponse } from '../http/every-response.js'
import type { ServedModels } from '../models/served-models.js'

/** `GET /health`, for balancers and supervisors: 200 while the server accepts requests. */
export function healthRoutes(models: ServedModels): Hono {
  const app = new Hono()
  app.get('/health', (c) => {
    if (models.isClosing) return c.json({ status: 'closing' }, 503)
    const states = Object.fromEntries(models.all.map(({ id, state }) => [id, state]))
    return c.json({ status: 'ok', model: models.first.id, ...models.counts, models: states })
  })
  return app
}

/** Answers every request with 503 until the model has been loaded. */
export function loadingApp(): Hono {
  const app = new Hono()
  app.use(everyResponse())
  app.get('/health', (c) => c.json({ status: 'loading' }, 503))
  const error = new ApiError(503, 'the model is loading', { code: 'loading', retryAfter: 2 })
  app.all('*', (c) => errorResponse(c, error))
  return app
}
