/** Tokens that may be chosen, as bits: bit i % 32 of word i / 32 for token i. Guides of constrained texts make them. */
export type AllowedTokens = Int32Array

export function isAllowed(allowed: AllowedTokens, id: number): boolean {
  return ((allowed[id >> 5] >>> (id & 31)) & 1) === 1
}

/** The allowed id with the largest logit, the lowest among equals; -1 if all are NaN or -Infinity. */
export function argmaxAllowed(logits: Float32Array, allowed: AllowedTokens): number {
  let best = -1
  let largest = -Infinity
  for (let id = 0; id < logits.length; id++) {
    // Few logits pass the first test.
    if (logits[id] > largest && isAllowed(allowed, id)) {
      largest = logits[id]
      best = id
    }
  }
  return best
}
