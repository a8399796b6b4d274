import type { Status } from '../../common/api-error.js'
import type { Api, ShownError } from '../../http/api.js'
import { chatBody, completionBody, names } from './body.js'
import { chatRoutes } from './chat.js'
import { completionRoutes } from './completions.js'

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
  routes(app, context) {
    completionRoutes(app, context)
    chatRoutes(app, context)
  },
  names,
  errorBody: openaiError,
  instead: {
    '/v1/embeddings': 'the server makes no embeddings',
    '/v1/messages': 'use /v1/chat/completions, in the form of OpenAI’s API',
    '/v1/messages/': 'use /v1/chat/completions, in the form of OpenAI’s API',
    '/v1/conversations': 'nothing is stored; send the whole conversation to /v1/responses',
    '/v1/conversations/': 'nothing is stored; send the whole conversation to /v1/responses',
    '/infill': 'use /v1/completions with "suffix"',
  },
}
