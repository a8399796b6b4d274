import { ApiError } from '../common/api-error.js'

/** Endpoints that clients expect, with what to use instead. */
const INSTEAD: Record<string, string> = {
  '/v1/responses': 'use /v1/chat/completions, for which most clients have a setting',
  '/v1/embeddings': 'the server makes no embeddings',
  '/v1/messages': 'use /v1/chat/completions, in the form of OpenAI’s API',
}
const ENDPOINTS = ['/v1/chat/completions', '/v1/completions', '/tokenize', '/detokenize']

/**
 * Error for an unknown path. POST requests get 400, whose message clients show: they take any 404 for an unknown model, and
 * retry a 501.
 */
export function unknownEndpoint(method: string, path: string): ApiError {
  const bare = path.endsWith('/') ? path.slice(0, -1) : path
  const meant = ENDPOINTS.find((endpoint) => endpoint === `/v1${bare}` || bare.endsWith(endpoint))
  const instead = INSTEAD[bare] ?? (meant && meant !== path ? `did you mean ${meant}?` : undefined)
  const message = `unknown endpoint: ${method} ${path.slice(0, 100)}${instead ? `; ${instead}` : ''}`
  return new ApiError(method === 'POST' ? 400 : 404, message, { code: 'unknown_endpoint' })
}
