import { ApiError } from '../../common/api-error.js'

/** Answer to a request without a text, which only loads the model: it is loaded. Throws an ApiError if it is to be unloaded. */
export function loaded(model: string, keepAlive: number | string | undefined, empty: object): object {
  if (Number.parseFloat(String(keepAlive)) !== 0) {
    return { model, created_at: new Date().toISOString(), ...empty, done: true, done_reason: 'load' }
  }
  const message = 'a request cannot unload the model; with `molm serve --idle TIME` the server does so itself'
  throw new ApiError(400, message, { param: 'keep_alive' })
}
