import { Hono, type MiddlewareHandler } from 'hono'
import type { Metrics } from '../run/metrics.js'

/** Paths counted by name; all others count as `other`. */
const PATHS = [
  '/health',
  '/metrics',
  '/v1/models',
  '/v1/completions',
  '/v1/chat/completions',
  '/v1/responses',
  '/api/chat',
  '/api/generate',
  '/api/tags',
  '/api/show',
  '/api/ps',
  '/api/version',
  '/tokenize',
  '/detokenize',
  '/tokenizer_info',
  '/experts',
  '/experts/mark',
  '/experts/atlas',
]

/** Counts every request. */
export function countRequests(metrics: Metrics): MiddlewareHandler {
  return async (c, next) => {
    const started = performance.now()
    await next()
    const path = PATHS.includes(c.req.path) ? c.req.path : 'other'
    metrics.responded(path, c.res.status, performance.now() - started)
  }
}

/** `GET /metrics`. */
export function metricsRoutes(metrics: Metrics): Hono {
  const app = new Hono()
  app.get('/metrics', async (c) => c.body(await metrics.text(), 200, { 'Content-Type': metrics.contentType }))
  return app
}
