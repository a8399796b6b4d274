import { Hono } from 'hono'
import type { ServerContext } from '../../http/context.js'
import { ollamaChatRoutes } from './chat.js'
import { ollamaGenerateRoutes } from './generate.js'

/** The endpoints of ollama's API that generate texts. */
export function ollamaRoutes(context: ServerContext): Hono {
  const app = new Hono()
  app.route('/', ollamaChatRoutes(context))
  app.route('/', ollamaGenerateRoutes(context))
  return app
}
