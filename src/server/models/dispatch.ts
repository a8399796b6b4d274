import type { Context, Handler } from 'hono'
import { isObject } from '../../ground/json/json.js'
import type { Bodies } from '../http/bodies.js'
import { receiveJson } from '../http/body.js'
import { clientOf } from '../http/clients.js'
import { connectionOf, onceAnswered, requestState } from '../http/request-state.js'
import type { ServedModel } from './served-model.js'
import type { ServedModels } from './served-models.js'

/** Handles a request with the endpoints of its model, which it waits for. */
export function dispatch(models: ServedModels): Handler {
  return async (c) => {
    const served = await modelOf(c, models)
    const client = clientOf(connectionOf(c).incoming?.socket.remoteAddress)
    const { app, release } = await models.loader.hold(served, c.req.raw.signal, client)
    onceAnswered(c, release)
    return app.fetch(c.req.raw, c.env)
  }
}

/**
 * The model that a request names: in its body, or for a GET by `?model=NAME`. A request without a name gets the first
 * one. With a single model the endpoint itself checks the name, so that the body is read only there, unless it has to
 * wait: the connection would time out. Rejects with an ApiError if there is no such model.
 */
async function modelOf(c: Context, models: ServedModels): Promise<ServedModel> {
  if (models.all.length === 1 && models.loader.isOpen(models.first)) return models.first
  if (c.req.method === 'GET') return models.named(c.req.query('model'))
  return models.named(await nameInBody(c, models.bodies))
}

async function nameInBody(c: Context, bodies: Bodies): Promise<string | undefined> {
  const body = await receiveJson(c, bodies)
  requestState(c).body = body
  onceAnswered(c, () => body.received.release())
  const name = isObject(body.value) ? body.value.model : undefined
  // The endpoint refuses a name that is not a text.
  return typeof name === 'string' ? name : undefined
}
