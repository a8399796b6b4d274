import type { HttpBindings } from '@hono/node-server'
import { Hono } from 'hono'
import { checkLanguageModel } from '../evaluation/language-model.js'
import type { Model } from '../generation/types.js'
import { AnswerMemory } from './answer-memory.js'
import { type AuthOptions, guard } from './auth.js'
import { Bodies } from './bodies.js'
import { CacheMemory, type ProcessMemory } from './cache-memory.js'
import { chatRoutes } from './chat-completions.js'
import { completionRoutes } from './completions.js'
import { asApiError, ClientGone, errorResponse } from './errors.js'
import { everyResponse, type RequestEntry, requestIdOf } from './every-response.js'
import { healthRoutes } from './health.js'
import { LIMITS, type Limits } from './limits.js'
import { Metrics, metricsRoutes } from './metrics.js'
import { modelRoutes } from './models.js'
import { pageRoutes } from './page.js'
import { Queue } from './queue.js'
import type { Serving } from './serving.js'
import { Sessions } from './sessions.js'
import { tokenizeRoutes } from './tokenize.js'
import { unknownEndpoint } from './unknown-endpoint.js'

export interface AppOptions extends AuthOptions {
  /** What clients call the model, in place of its own name. */
  alias?: string
  limits?: Partial<Limits>
  /** Where requests wait; whoever closes the server brings it. */
  queue?: Queue
  /** Bounds the caches of sequences. Default: only the engine's own limits do. */
  memory?: ProcessMemory
  /** Gets unexpected errors, with the id of the response. Default: both are written to stderr. */
  onError?: (error: unknown, requestId: string) => void
  /** Gets each request once its response has been sent. */
  onRequest?: (entry: RequestEntry) => void
}

/**
 * The API of a model, and its page, as an application that a server listens for. Throws a UserError where the model
 * predicts no tokens.
 */
export function createApp(model: Model, options: AppOptions = {}): Hono {
  checkLanguageModel(model)
  const limits = limitsOf(model, options.limits)
  const queue = options.queue ?? new Queue(limits)
  const cacheMemory = new CacheMemory(model, options.memory, limits)
  // Begins ahead of the first request, which waits for it and fails if it has failed.
  const narrowed = cacheMemory.shares().then((shares) => Object.assign(limits, shares))
  narrowed.catch(() => undefined)
  const sessions = new Sessions(model, limits, cacheMemory)
  const { onError = (error, requestId) => console.error(`${requestId}:`, error) } = options
  const metrics = new Metrics(model, queue, sessions)
  const since = Math.floor(Date.now() / 1000)
  const id = options.alias ?? model.name
  const memory = { bodies: new Bodies(limits), answerMemory: new AnswerMemory(limits) }
  const serving: Serving = { model, id, since, ...memory, queue, sessions, metrics, limits, onError }

  const app = new Hono<{ Bindings: HttpBindings }>()
  app.use(everyResponse(options.onRequest))
  app.use(metrics.middleware)
  app.use(guard(options))
  app.route('/', healthRoutes(serving))
  app.route('/', modelRoutes(serving))
  app.route('/', completionRoutes(serving))
  app.route('/', chatRoutes(serving))
  app.route('/', tokenizeRoutes(serving))
  app.route('/', metricsRoutes(serving))
  app.route('/', pageRoutes())
  app.notFound((c) => errorResponse(c, unknownEndpoint(c.req.method, c.req.path)))
  app.onError((error, c) => {
    // Its client does not read this; it ends the request.
    if (error instanceof ClientGone) return new Response(null, { status: 499 })
    const told = asApiError(error)
    if (told.status === 500) onError(error, requestIdOf(c))
    return errorResponse(c, told)
  })
  return app as unknown as Hono
}

function limitsOf({ config }: Model, given: Partial<Limits> = {}): Limits {
  const limits = { ...LIMITS, ...given }
  return { ...limits, contextTokens: Math.min(limits.contextTokens, config.maxPositions ?? Infinity) }
}
