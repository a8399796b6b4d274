import { Hono } from 'hono'
import { expertRoutes, lookRoutes } from './api/experts.js'
import { modelRoutes } from './api/models.js'
import { countRequests, healthRoutes, metricsRoutes } from './api/monitoring.js'
import { ollamaModelRoutes } from './api/ollama/models.js'
import { tokenizeRoutes } from './api/tokenize.js'
import { APIS, apiOf, unknownEndpoint } from './apis.js'
import { ApiError, ClientGone } from './common/api-error.js'
import { asApiError } from './http/api.js'
import { type AuthOptions, guard } from './http/auth.js'
import type { ServerContext } from './http/context.js'
import { errorResponse, everyRequest, type RequestEntry, requestState } from './http/request-state.js'
import { dispatch } from './models/dispatch.js'
import type { ServedModels } from './models/served-models.js'
import { pageRoutes } from './page/page.js'

export interface AppOptions extends AuthOptions {
  /** Receives each request once its response has been sent. */
  onRequest?: (entry: RequestEntry) => void
  /** Names of the models on this computer. */
  installed?: () => Promise<readonly string[]>
}

/** Endpoints that run one model. They are made when it is loaded, and get only the requests for it. */
export function endpointsOf(context: ServerContext): Hono {
  const app = new Hono()
  for (const { routes } of APIS) routes(app, context)
  tokenizeRoutes(app, context)
  lookRoutes(app, context)
  reportErrors(app, context)
  return app
}

/** Builds the application that serves the API of models, and the page. The first model must be in memory. */
export function createApp(models: ServedModels, options: AppOptions = {}): Hono {
  const app = new Hono()
  app.use(everyRequest(apiOf, options.onRequest))
  const paths = new Set<string>()
  app.use(countRequests(models.metrics, paths))
  app.use(guard(options))
  healthRoutes(app, models)
  modelRoutes(app, models, options.installed)
  ollamaModelRoutes(app, models)
  metricsRoutes(app, models.metrics)
  expertRoutes(app, models)
  for (const { method, path } of models.first.app.routes) app.on(method, path, dispatch(models))
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

function reportErrors(app: Hono, { onError }: Pick<ServerContext, 'onError'>): void {
  app.onError((error, c) => {
    // The client does not read this response; it only ends the request.
    if (error instanceof ClientGone) return new Response(null, { status: 499 })
    const apiError = asApiError(error)
    if (apiError.status === 500) onError(error, requestState(c).id)
    return errorResponse(c, apiError)
  })
}
