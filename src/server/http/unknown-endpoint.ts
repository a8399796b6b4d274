import { ApiError } from '../common/api-error.js'

const NO_EMBEDDINGS = 'the server makes no embeddings'
const NO_MESSAGES = 'use /v1/chat/completions, in the form of OpenAI’s API'
const FIXED_MODEL = 'the server has the models that it was started with; `molm pull` fetches others'

/** Endpoints that clients expect, with what to use instead. */
const INSTEAD: Record<string, string> = {
  '/v1/embeddings': NO_EMBEDDINGS,
  '/v1/messages': NO_MESSAGES,
  '/v1/responses/input_tokens': 'use /tokenize, which counts the tokens of a text',
  '/v1/conversations': 'nothing is stored; send the whole conversation to /v1/responses',
  '/infill': 'use /v1/completions with "suffix"',
  '/api/embed': NO_EMBEDDINGS,
  '/api/embeddings': NO_EMBEDDINGS,
  '/api/pull': FIXED_MODEL,
  '/api/push': FIXED_MODEL,
  '/api/create': FIXED_MODEL,
  '/api/copy': FIXED_MODEL,
  '/api/delete': FIXED_MODEL,
}
/** Beginnings of such endpoints. */
const INSTEAD_BELOW: Record<string, string> = {
  '/v1/messages/': NO_MESSAGES,
  '/v1/responses/': 'responses are not stored; send the whole conversation to /v1/responses',
  '/v1/conversations/': 'nothing is stored; send the whole conversation to /v1/responses',
  '/api/blobs/': FIXED_MODEL,
}
const ENDPOINTS = [
  '/v1/chat/completions',
  '/v1/completions',
  '/v1/responses',
  '/api/chat',
  '/api/generate',
  '/tokenize',
  '/detokenize',
]

/**
 * Error for an unknown path. POST and DELETE requests get 400, whose message clients show: they take any 404 for an unknown
 * model, and retry a 501.
 */
export function unknownEndpoint(method: string, path: string): ApiError {
  const bare = path.endsWith('/') ? path.slice(0, -1) : path
  const meant = ENDPOINTS.find((endpoint) => endpoint === `/v1${bare}` || bare.endsWith(endpoint))
  const above = Object.keys(INSTEAD_BELOW).find((beginning) => bare.startsWith(beginning))
  const other = (Object.hasOwn(INSTEAD, bare) ? INSTEAD[bare] : undefined) ?? (above && INSTEAD_BELOW[above])
  const instead = other ?? (meant && meant !== path ? `did you mean ${meant}?` : undefined)
  const message = `unknown endpoint: ${method} ${path.slice(0, 100)}${instead ? `; ${instead}` : ''}`
  return new ApiError(method === 'POST' || method === 'DELETE' ? 400 : 404, message, { code: 'unknown_endpoint' })
}
