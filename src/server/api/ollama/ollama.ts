import { Hono } from 'hono'
import type { ServerContext } from '../../http/context.js'
import { ollamaChatRoutes } from './chat.js'
import { ollamaGenerateRoutes } from './generate.js'
import { ollamaModelRoutes } from './models.js'

/** The endpoints of ollama's API that programs other than ollama's own use. */
export function ollamaRoutes(context: ServerContext): Hono {
  const app = new Hono()
  app.route('/', ollamaChatRoutes(context))
  app.route('/', ollamaGenerateRoutes(context))
  app.route('/', ollamaModelRoutes(context))
  return app
}
