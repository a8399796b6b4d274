/**
 * What strangers may take of the server: all of it is bounded. Times are in milliseconds. Bytes of bodies and answers are
 * less where little memory is free (memory-shares.ts).
 */
export interface Limits {
  /** Sequences that run at once. */
  parallel: number
  /**
   * Requests that may wait for their turn, those whose texts are being encoded among them; one more is told to come
   * again.
   */
  waiting: number
  /** Tokens of a short sequence, prompt still to be read and answer: there are quick places for these (places.ts). */
  quickTokens: number
  /** Tokens of a sequence, prompt and answer together; less where the model has fewer positions. */
  contextTokens: number
  /** Sequences that one request may ask for: its prompts times `n`. */
  sequences: number
  /** Tokens of all prompts of a request together, each counted `n` times. */
  promptTokens: number
  /** Log-probabilities of all prompts of a request together, the likeliest in the place of each token among them. */
  scores: number
  /** Memory of an answer that is not streamed, reckoned before it begins, and of all but small answers together. */
  answerBytes: number
  answersBytes: number
  /** Tokens of a prompt whose experts are told: each has some hundred numbers. */
  routedTokens: number
  bodyBytes: number
  /** Bytes of all bodies together until they have been answered; small ones come on top. */
  bodiesBytes: number
  /** Sequences that are kept for requests with the same beginning, and their tokens together. */
  keptSequences: number
  keptTokens: number
  connections: number
  /** For a request's head, for all of a request, and between two requests on a connection. */
  headMs: number
  requestMs: number
  idleMs: number
  /** A connection whose reader takes nothing for so long is closed. */
  stallMs: number
  /** A stream in which nothing happens has a comment line so often. */
  commentMs: number
  /** What runs when the server closes has so long to end. */
  drainMs: number
}

export const LIMITS: Limits = {
  parallel: 8,
  waiting: 100,
  quickTokens: 1_024,
  contextTokens: 32_768,
  sequences: 256,
  promptTokens: 131_072,
  scores: 2 ** 18,
  answerBytes: 64 * 2 ** 20,
  answersBytes: 256 * 2 ** 20,
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
