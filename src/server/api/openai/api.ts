import type { Hono } from 'hono'
import type { Status } from '../../common/api-error.js'
import type { Api, ShownError } from '../../http/api.js'
import { readBody } from '../../http/body.js'
import type { ServerContext } from '../../http/context.js'
import { respond } from '../../http/respond.js'
import { beginChat, beginCompletion } from '../begin.js'
import { chatBody, chatNulls, chatRequest, completionBody, completionRequest, names } from './body.js'
import { formNulls } from './constraint.js'
import { ChatReply, CompletionReply } from './reply.js'

const TYPES: Record<Status, string> = {
  400: 'invalid_request_error',
  401: 'authentication_error',
  403: 'permission_error',
  404: 'not_found_error',
  413: 'invalid_request_error',
  415: 'invalid_request_error',
  429: 'rate_limit_error',
  500: 'server_error',
  503: 'service_unavailable_error',
}

/** An error in the form of OpenAI's APIs. */
export function openaiError({ status, message, param, code }: ShownError) {
  return { error: { message, type: TYPES[status], param: param ?? null, code: code ?? null } }
}

/** Chats and completions of OpenAI. Molm's own endpoints have its errors and names, too. */
export const OPENAI: Api = {
  name: 'openai',
  prefix: '/',
  bodies: { '/v1/chat/completions': chatBody, '/v1/completions': completionBody },
  routes: openaiRoutes,
  names,
  errorBody: openaiError,
  instead: {
    '/v1/embeddings': 'the server makes no embeddings',
    '/v1/conversations': 'nothing is stored; send the whole conversation to /v1/responses',
    '/v1/conversations/': 'nothing is stored; send the whole conversation to /v1/responses',
    '/infill': 'use /v1/completions with "suffix"',
  },
}

/**
 * `POST /v1/completions` continues prompts without a template. `POST /v1/chat/completions` is the next message of a
 * conversation, framed by the model's chat template.
 */
function openaiRoutes(app: Hono, context: ServerContext): void {
  app.post('/v1/completions', async (c) => {
    const body = await readBody(c, completionBody, context, formNulls)
    return respond(c, context, body.stream, async (ticket) => {
      const begun = await beginCompletion(context, completionRequest(body), ticket)
      return new CompletionReply(context, begun, body.stream_options?.include_usage)
    })
  })
  app.post('/v1/chat/completions', async (c) => {
    const body = await readBody(c, chatBody, context, chatNulls)
    return respond(c, context, body.stream, async (ticket) => {
      const begun = await beginChat(context, chatRequest(body, context.limits), ticket)
      return new ChatReply(context, begun, body.stream_options?.include_usage)
    })
  })
}
