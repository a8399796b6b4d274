/**
 * Bounds on what clients can use. Times are in milliseconds. Limits of bodies and answers are lower if little memory is
 * free (run/memory.ts).
 */
export interface Limits {
  /** Sequences that run at once. */
  parallel: number
  /** Requests that wait for their turn, or for their texts to be encoded. One more is refused. */
  waiting: number
  /** Tokens of a sequence, prompt and answer together; lower if the model has fewer positions. */
  contextTokens: number
  /** Sequences of one request: its prompts times `n`. */
  sequences: number
  /** Tokens of all prompts of a request, each counted `n` times. */
  promptTokens: number
  /** Log-probabilities of all prompts of a request, including the likeliest tokens at each position. */
  scores: number
  /** Bytes of an answer that is not streamed, estimated before it begins. */
  answerBytes: number
  /** Bytes of all answers together, small ones not counted. */
  answersBytes: number
  /** Characters of a schema, grammar or regular expression. */
  constraintCharacters: number
  /** Tools of a request. */
  tools: number
  /** Characters of all tools of a request, as JSON. */
  toolCharacters: number
  /** Tokens of a prompt whose experts are reported, some hundred numbers per token. */
  routedTokens: number
  bodyBytes: number
  /** Bytes of all bodies together until their requests have been answered, small ones not counted. */
  bodiesBytes: number
  /** Sequences kept for prompts with the same beginning. */
  keptSequences: number
  /** Tokens of all kept sequences together. */
  keptTokens: number
  connections: number
  /** Time to receive a request's head. */
  headMs: number
  /** Time to receive a whole request. */
  requestMs: number
  /** Time between two requests on a connection. */
  idleMs: number
  /** Time after which a connection is closed if its client reads nothing. */
  stallMs: number
  /** Time without an event after which a stream sends a comment line. */
  commentMs: number
  /** Time that running requests have to end when the server closes. */
  drainMs: number
}

export const LIMITS: Limits = {
  parallel: 8,
  waiting: 100,
  contextTokens: 32_768,
  sequences: 256,
  promptTokens: 131_072,
  scores: 2 ** 18,
  answerBytes: 64 * 2 ** 20,
  answersBytes: 256 * 2 ** 20,
  constraintCharacters: 2 ** 17,
  tools: 128,
  toolCharacters: 2 ** 18,
  routedTokens: 4_096,
  bodyBytes: 4 * 2 ** 20,
  bodiesBytes: 64 * 2 ** 20,
  keptSequences: 16,
  keptTokens: 32_768,
  connections: 512,
  headMs: 10_000,
  requestMs: 60_000,
  idleMs: 75_000,
  stallMs: 30_000,
  commentMs: 15_000,
  drainMs: 30_000,
}
