import { Hono } from 'hono'
import { expertRoutes, lookRoutes } from './api/experts.js'
import { modelRoutes } from './api/models.js'
import { tokenizeRoutes } from './api/tokenize.js'
import { APIS } from './apis.js'
import { ClientGone } from './common/api-error.js'
import { asApiError } from './http/api.js'
import type { ServerContext } from './http/context.js'
import { errorResponse, requestState } from './http/request-state.js'
import { dispatch } from './models/dispatch.js'
import type { ServedModels } from './models/served-models.js'

/** Endpoints that run one model. They are made when it is loaded, and get only the requests for it. */
export function endpointsOf(context: ServerContext): Hono {
  const app = new Hono()
  for (const { routes } of APIS) routes(app, context)
  tokenizeRoutes(app, context)
  lookRoutes(app, context)
  reportErrors(app, context)
  return app
}

/** Adds what runs, lists and looks at models. `installed` gives the names of others on this computer. */
export function routesOf(app: Hono, models: ServedModels, installed?: () => Promise<readonly string[]>): void {
  modelRoutes(app, models, installed)
  expertRoutes(app, models)
  for (const { method, path } of models.first.app.routes) app.on(method, path, dispatch(models))
}

export function reportErrors(app: Hono, { onError }: Pick<ServerContext, 'onError'>): void {
  app.onError((error, c) => {
    // The client does not read this response; it only ends the request.
    if (error instanceof ClientGone) return new Response(null, { status: 499 })
    const apiError = asApiError(error)
    if (apiError.status === 500) onError(error, requestState(c).id)
    return errorResponse(c, apiError)
  })
}
