import { Hono } from 'hono'
import type { Model } from '../api/model.js'
import type { Atlas } from '../insight/atlas/atlas.js'
import type { Send } from '../page/requests/api.js'
import { apiOf } from '../server/apis.js'
import { endpointsOf, reportErrors, routesOf } from '../server/endpoints.js'
import { everyRequest } from '../server/http/request-state.js'
import { ServedModels } from '../server/models/served-models.js'

/** The server's API in the tab itself: requests for a model that it has loaded never leave it. */
export function tabServer(model: Model, atlas?: Atlas): Send {
  const models = ServedModels.of(model, { atlas }, endpointsOf)
  const app = new Hono()
  app.use(everyRequest(apiOf))
  routesOf(app, models)
  reportErrors(app, models)
  return async (path, init) => {
    const response = await app.request(`/${path}`, init)
    const { signal } = init
    if (!response.body || !signal) return response
    // A reader that waits for the next event learns of an abort, as with a connection.
    const body = response.body.pipeThrough(new TransformStream(), { signal })
    return new Response(body, response)
  }
}
