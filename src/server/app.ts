import type { HttpBindings } from '@hono/node-server'
import { Hono } from 'hono'
import type { Model } from '../api/model.js'
import { checkLanguageModel } from '../evaluation/check-language-model.js'
import { chatRoutes } from './api/chat-completions.js'
import { completionRoutes } from './api/completions.js'
import { healthRoutes } from './api/health.js'
import { countRequests, metricsRoutes } from './api/metrics.js'
import { modelRoutes } from './api/models.js'
import { tokenizeRoutes } from './api/tokenize.js'
import { type AuthOptions, guard } from './http/auth.js'
import { Bodies } from './http/bodies.js'
import type { ServerContext } from './http/context.js'
import { asApiError, errorResponse } from './http/errors.js'
import { everyResponse, type RequestEntry, requestIdOf } from './http/every-response.js'
import { unknownEndpoint } from './http/unknown-endpoint.js'
import { pageRoutes } from './page/page.js'
import { AnswerMemory } from './run/answer-memory.js'
import { CacheMemory, type ProcessMemory } from './run/cache-memory.js'
import { Metrics } from './run/metrics.js'
import { PrefixCache } from './run/prefix-cache.js'
import { Queue } from './run/queue.js'
import { ClientGone } from './shared/api-error.js'
import { LIMITS, type Limits } from './shared/limits.js'

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
  const prefixCache = new PrefixCache(model, limits, cacheMemory)
  const { onError = (error, requestId) => console.error(`${requestId}:`, error) } = options
  const metrics = new Metrics(model, queue, prefixCache)
  const since = Math.floor(Date.now() / 1000)
  const id = options.alias ?? model.name
  const memory = { bodies: new Bodies(limits), answerMemory: new AnswerMemory(limits) }
  const context: ServerContext = { model, id, since, ...memory, queue, prefixCache, metrics, limits, onError }

  const app = new Hono<{ Bindings: HttpBindings }>()
  app.use(everyResponse(options.onRequest))
  app.use(countRequests(metrics))
  app.use(guard(options))
  app.route('/', healthRoutes(context))
  app.route('/', modelRoutes(context))
  app.route('/', completionRoutes(context))
  app.route('/', chatRoutes(context))
  app.route('/', tokenizeRoutes(context))
  app.route('/', metricsRoutes(context))
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
