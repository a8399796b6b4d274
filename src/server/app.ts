import type { HttpBindings } from '@hono/node-server'
import { Hono } from 'hono'
import type { Model } from '../api/model.js'
import { checkLanguageModel } from '../evaluation/check-language-model.js'
import type { Atlas } from '../experts/atlas.js'
import type { ExpertMask } from '../model/expert-mask.js'
import { chatRoutes } from './api/chat-completions.js'
import { completionRoutes } from './api/completions.js'
import { expertRoutes } from './api/experts.js'
import { healthRoutes } from './api/health.js'
import { countRequests, metricsRoutes } from './api/metrics.js'
import { modelRoutes } from './api/models.js'
import { ollamaRoutes } from './api/ollama/ollama.js'
import { tokenizeRoutes } from './api/tokenize.js'
import { ClientGone } from './common/api-error.js'
import { LIMITS, type Limits } from './common/limits.js'
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

/** Knowledge about the model's experts. */
export interface ServedExperts {
  /** Mask that the model has for all sessions. Default: none. */
  mask?: ExpertMask
  /** Names of the experts. Default: none. */
  atlas?: Atlas
}

export interface AppOptions extends AuthOptions, ServedExperts {
  /** The model's name in requests and responses. Default: its own name. */
  alias?: string
  limits?: Partial<Limits>
  /** Queue of the requests. Default: a new one. A caller that closes the server passes its own. */
  queue?: Queue
  /** Bounds the caches of sequences. Default: no bound but the engine's own. */
  memory?: ProcessMemory
  /** Receives unexpected errors, with the id of the response. Default: writes both to stderr. */
  onError?: (error: unknown, requestId: string) => void
  /** Receives each request once its response has been sent. */
  onRequest?: (entry: RequestEntry) => void
}

/** Builds the application that serves a model's API and its page. Throws a UserError if the model predicts no tokens. */
export function createApp(model: Model, options: AppOptions = {}): Hono {
  checkLanguageModel(model)
  const limits = limitsOf(model, options.limits)
  const queue = options.queue ?? new Queue(limits)
  const cacheMemory = new CacheMemory(model, options.memory, limits)
  // Starts before the first request, which waits for it and fails if it has failed.
  const narrowed = cacheMemory.shares().then((shares) => Object.assign(limits, shares))
  narrowed.catch(() => undefined)
  const prefixCache = new PrefixCache(model, limits, cacheMemory)
  const { onError = (error, requestId) => console.error(`${requestId}:`, error) } = options
  const metrics = new Metrics(model, queue, prefixCache)
  const since = Math.floor(Date.now() / 1000)
  const id = options.alias ?? model.name
  const memory = { bodies: new Bodies(limits), answerMemory: new AnswerMemory(limits) }
  const { mask, atlas } = options
  const run = { queue, prefixCache, metrics, limits, mask }
  const context: ServerContext = { model, id, since, ...memory, ...run, atlas, onError }

  const app = new Hono<{ Bindings: HttpBindings }>()
  app.use(everyResponse(options.onRequest))
  app.use(countRequests(metrics))
  app.use(guard(options))
  app.route('/', healthRoutes(context))
  app.route('/', modelRoutes(context))
  app.route('/', completionRoutes(context))
  app.route('/', chatRoutes(context))
  app.route('/', ollamaRoutes(context))
  app.route('/', tokenizeRoutes(context))
  app.route('/', metricsRoutes(context))
  app.route('/', expertRoutes(context))
  app.route('/', pageRoutes())
  app.notFound((c) => errorResponse(c, unknownEndpoint(c.req.method, c.req.path)))
  app.onError((error, c) => {
    // The client does not read this response; it only ends the request.
    if (error instanceof ClientGone) return new Response(null, { status: 499 })
    const apiError = asApiError(error)
    if (apiError.status === 500) onError(error, requestIdOf(c))
    return errorResponse(c, apiError)
  })
  return app as unknown as Hono
}

function limitsOf({ config }: Model, given: Partial<Limits> = {}): Limits {
  const limits = { ...LIMITS, ...given }
  return { ...limits, contextTokens: Math.min(limits.contextTokens, config.maxPositions ?? Infinity) }
}
