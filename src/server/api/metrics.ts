import { Hono, type MiddlewareHandler } from 'hono'
import type { Metrics } from '../run/metrics.js'

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
export function metricsRoutes(metrics: Metrics): Hono {
  const app = new Hono()
  app.get('/metrics', async (c) => c.body(await metrics.text(), 200, { 'Content-Type': metrics.contentType }))
  return app
}
