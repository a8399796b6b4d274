import type { Hono } from 'hono'
import { refusedParam } from '../../common/api-error.js'
import type { Api, ShownError } from '../../http/api.js'
import { readBody } from '../../http/body.js'
import type { ServerContext } from '../../http/context.js'
import { respond } from '../../http/respond.js'
import { beginChat, beginCompletion } from '../begin.js'
import { chatBody, chatNulls, chatRequest, generateBody, generateNulls, generateRequest, names } from './body.js'
import { OllamaReply } from './reply.js'

const NO_EMBEDDINGS = 'the server makes no embeddings'
const FIXED_MODEL = 'the server has the models that it was started with; `molm pull` fetches others'

export const OLLAMA: Api = {
  name: 'ollama',
  prefix: '/api/',
  bodies: { '/api/chat': chatBody, '/api/generate': generateBody },
  routes: ollamaRoutes,
  names,
  errorBody: ollamaError,
  // curl sends the type of a form, and ollama's examples leave it so.
  takesAnyType: true,
  instead: {
    '/api/embed': NO_EMBEDDINGS,
    '/api/embeddings': NO_EMBEDDINGS,
    '/api/pull': FIXED_MODEL,
    '/api/push': FIXED_MODEL,
    '/api/create': FIXED_MODEL,
    '/api/copy': FIXED_MODEL,
    '/api/delete': FIXED_MODEL,
    '/api/blobs/': FIXED_MODEL,
  },
}

/** An error in the form of ollama's API, which has no other place for the field's name than the message. */
function ollamaError({ message, param }: ShownError): { error: string } {
  return { error: param === undefined || message.includes(param) ? message : `"${param}": ${message}` }
}

/**
 * The endpoints of ollama's API that generate texts: `POST /api/chat`, the next message of a conversation, and
 * `POST /api/generate`, an answer to a prompt or a text that continues it.
 */
function ollamaRoutes(app: Hono, context: ServerContext): void {
  app.post('/api/chat', async (c) => {
    const startedAt = performance.now()
    const body = await readBody(c, chatBody, context, chatNulls)
    const { messages = [], model = context.id } = body
    const fieldsOf = (content: string, part: object) => ({ message: { role: 'assistant', content, ...part } })
    if (messages.length === 0) return c.json(loaded(model, body.keep_alive, fieldsOf('', {})))
    return respond(c, context, body.stream ?? true, async (ticket) => {
      const begun = await beginChat(context, chatRequest(body, messages, context.limits), ticket)
      return new OllamaReply(begun, { context, model, startedAt, fieldsOf })
    })
  })
  app.post('/api/generate', async (c) => {
    const startedAt = performance.now()
    const body = await readBody(c, generateBody, context, generateNulls)
    const { model = context.id, keep_alive: keepAlive } = body
    const fieldsOf = (response: string, part: object) => ({ response, ...part })
    if (!body.prompt && !body.suffix) return c.json(loaded(model, keepAlive, fieldsOf('', {})))
    return respond(c, context, body.stream ?? true, async (ticket) => {
      const request = generateRequest(body, context.model.chatTemplate !== undefined, context.limits)
      const begun = await ('messages' in request
        ? beginChat(context, request, ticket)
        : beginCompletion(context, request, ticket))
      return new OllamaReply(begun, { context, model, startedAt, fieldsOf })
    })
  })
}

/** Answer to a request without a text, which only loads the model: it is loaded. Throws an ApiError if it is to be unloaded. */
function loaded(model: string, keepAlive: number | string | undefined, empty: object): object {
  if (Number.parseFloat(String(keepAlive)) !== 0) {
    return { model, created_at: new Date().toISOString(), ...empty, done: true, done_reason: 'load' }
  }
  const message = 'a request cannot unload the model; with `molm serve --idle TIME` the server does so itself'
  throw refusedParam('keep_alive', message)
}
