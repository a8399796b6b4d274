/**
 * Bounds on what clients can use. Times are in milliseconds. Limits of bodies and answers are lower if little memory is
 * free (run/memory.ts).
 */
export const LIMITS = {
  /** Sequences that run at once. */
  parallel: 8,
  /** Requests that wait for their turn, or for their texts to be encoded. Beyond it each client has a share (`mayWait`). */
  waiting: 100,
  /** Tokens of a sequence, prompt and answer together; lower if the model has fewer positions. */
  contextTokens: 32_768,
  /** Sequences of one request: its prompts times `n`. */
  sequences: 256,
  /** Tokens of all prompts of a request, each counted `n` times. */
  promptTokens: 131_072,
  /** Log-probabilities of all prompts of a request, including the likeliest tokens at each position. */
  scores: 2 ** 18,
  /** Bytes of an answer that is not streamed, estimated before it begins. */
  answerBytes: 64 * 2 ** 20,
  /** Bytes of all answers together, small ones not counted. */
  answersBytes: 256 * 2 ** 20,
  /** Characters of a schema, grammar or regular expression. */
  constraintCharacters: 2 ** 17,
  /** Tools of a request. */
  tools: 128,
  /** Characters of all tools of a request, as JSON. */
  toolCharacters: 2 ** 18,
  /** Tokens of a prompt whose experts are reported, some hundred numbers per token. */
  routedTokens: 4_096,
  bodyBytes: 4 * 2 ** 20,
  /** Bytes of all bodies together until their requests have been answered, small ones not counted. */
  bodiesBytes: 64 * 2 ** 20,
  /** Sequences kept for prompts with the same beginning. */
  keptSequences: 16,
  /** Tokens of all kept sequences together. */
  keptTokens: 32_768,
  /** One more closes another (http/clients.ts). */
  connections: 512,
  /** Time to receive a request's head. */
  headMs: 10_000,
  /** Time to receive a whole request. */
  requestMs: 60_000,
  /** Time between two requests on a connection. */
  idleMs: 75_000,
  /** Time after which a connection is closed if its client reads nothing. */
  stallMs: 30_000,
  /** Time without an event after which a stream sends a comment line. */
  commentMs: 15_000,
  /** Time that running requests have to end when the server closes. */
  drainMs: 30_000,
}
export type Limits = typeof LIMITS

/**
 * Whether one more request of a client may wait. `most` requests may, from any clients. Beyond that, a client may have its
 * share: `most` divided by the number of clients that wait. So one alone can use all, and shuts out no other.
 */
export function mayWait(waiting: readonly { client?: string }[], client: string | undefined, most: number): boolean {
  if (waiting.length < most) return true
  const clients = waiting.map((request) => request.client ?? request)
  const share = Math.floor(most / new Set<unknown>([...clients, client ?? {}]).size)
  return clients.filter((other) => other === client).length < share
}
