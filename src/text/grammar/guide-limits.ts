/** Bounds on the computing of guides. Times are milliseconds of a processor. */
export interface GuideLimits {
  /** Time of preparing a grammar, or of one place in a text, before it continues apart from quick ones. */
  quickMs: number
  /** Time that a text may take, and more for each of its tokens, before it continues apart. */
  textMs: number
  tokenMs: number
  /** Time of preparing a grammar, or of one place in a text. More is an error. */
  mostMs: number
  /** Time of the quick lane between two grammars that come before smaller ones because they have waited longest. */
  oldestMs: number
  /** Slow grammars that wait for being prepared. One more is refused. */
  waiting: number
  /** Slow texts at once. One more is refused, unless it has begun. */
  slowTexts: number
}

export const GUIDE_LIMITS: GuideLimits = {
  quickMs: 250,
  textMs: 100,
  tokenMs: 5,
  mostMs: 10_000,
  oldestMs: 2000,
  waiting: 8,
  slowTexts: 8,
}
