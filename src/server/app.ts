import { Hono } from 'hono'
import { countRequests, healthRoutes, metricsRoutes } from './api/monitoring.js'
import { ollamaModelRoutes } from './api/ollama/models.js'
import { apiOf, unknownEndpoint } from './apis.js'
import { ApiError } from './common/api-error.js'
import { reportErrors, routesOf } from './endpoints.js'
import { type AuthOptions, guard } from './http/auth.js'
import { errorResponse, everyRequest, type RequestEntry } from './http/request-state.js'
import type { ServedModels } from './models/served-models.js'
import { pageRoutes } from './page/page.js'

export interface AppOptions extends AuthOptions {
  /** Receives each request once its response has been sent. */
  onRequest?: (entry: RequestEntry) => void
  /** Names of the models on this computer. */
  installed?: () => Promise<readonly string[]>
}

/** Builds the application that serves the API of models, and the page. The first model must be in memory. */
export function createApp(models: ServedModels, options: AppOptions = {}): Hono {
  const app = new Hono()
  app.use(everyRequest(apiOf, options.onRequest))
  const paths = new Set<string>()
  app.use(countRequests(models.metrics, paths))
  app.use(guard(options))
  healthRoutes(app, models)
  ollamaModelRoutes(app, models)
  metricsRoutes(app, models.metrics)
  routesOf(app, models, options.installed)
  for (const { path } of app.routes) paths.add(path)
  app.route('/', pageRoutes())
  app.notFound((c) => errorResponse(c, unknownEndpoint(c.req.method, c.req.path)))
  reportErrors(app, models)
  return app
}

/** Answers every request with 503 until the model has been loaded. */
export function loadingApp(): Hono {
  const app = new Hono()
  app.use(everyRequest(apiOf))
  app.get('/health', (c) => c.json({ status: 'loading' }, 503))
  const error = new ApiError(503, 'the model is loading', { code: 'loading', retryAfter: 2 })
  app.all('*', (c) => errorResponse(c, error))
  return app
}
