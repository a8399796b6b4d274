import type { Hono, MiddlewareHandler } from 'hono'
import type { ServedModels } from '../models/served-models.js'
import type { Metrics } from '../run/metrics.js'

/** `GET /health`, for balancers and supervisors: 200 while the server accepts requests. */
export function healthRoutes(app: Hono, models: ServedModels): void {
  app.get('/health', (c) => {
    if (models.isClosing) return c.json({ status: 'closing' }, 503)
    const states = Object.fromEntries(models.all.map(({ id, state }) => [id, state]))
    return c.json({ status: 'ok', model: models.first.id, ...models.counts, models: states })
  })
}

/** Counts every request: those to `paths` by name, all others as `other`. */
export function countRequests(metrics: Metrics, paths: ReadonlySet<string>): MiddlewareHandler {
  return async (c, next) => {
    const started = performance.now()
    await next()
    const path = paths.has(c.req.path) ? c.req.path : 'other'
    metrics.responded(path, c.res.status, performance.now() - started)
  }
}

/** `GET /metrics`. */
export function metricsRoutes(app: Hono, metrics: Metrics): void {
  app.get('/metrics', async (c) => c.body(await metrics.text(), 200, { 'Content-Type': metrics.contentType }))
}
