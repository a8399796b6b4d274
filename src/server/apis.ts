import { MESSAGES } from './api/messages/messages.js'
import { OLLAMA } from './api/ollama/ollama.js'
import { OPENAI } from './api/openai/api.js'
import { RESPONSES } from './api/responses/responses.js'
import { ApiError } from './common/api-error.js'
import type { Api } from './http/api.js'

/** The APIs of the server. A path belongs to the first whose prefix it begins with. */
export const APIS: readonly Api[] = [OLLAMA, RESPONSES, MESSAGES, OPENAI]

export function apiOf(path: string): Api {
  return APIS.find(({ prefix }) => path.startsWith(prefix)) ?? OPENAI
}

const ENDPOINTS = [...APIS.flatMap(({ bodies }) => Object.keys(bodies)), '/tokenize', '/detokenize']

/**
 * Error for an unknown path. POST and DELETE requests get 400, whose message clients show: they take any 404 for an unknown
 * model, and retry a 501.
 */
export function unknownEndpoint(method: string, path: string): ApiError {
  const bare = path.endsWith('/') ? path.slice(0, -1) : path
  const meant = ENDPOINTS.find((endpoint) => endpoint === `/v1${bare}` || bare.endsWith(endpoint))
  const hint = hintFor(bare) ?? (meant && meant !== path ? `did you mean ${meant}?` : undefined)
  const message = `unknown endpoint: ${method} ${path.slice(0, 100)}${hint ? `; ${hint}` : ''}`
  return new ApiError(method === 'POST' || method === 'DELETE' ? 400 : 404, message, { code: 'unknown_endpoint' })
}

function hintFor(path: string): string | undefined {
  const hints = APIS.flatMap(({ instead }) => Object.entries(instead))
  const fits = ([place]: [string, string]) => (place.endsWith('/') ? path.startsWith(place) : path === place)
  return hints.find(fits)?.[1]
}
