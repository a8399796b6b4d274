/**
 * Tokens that may be chosen, as bits: bit i % 32 of word i / 32 is that of token i. Guides of constrained texts make them.
 */
export type AllowedTokens = Int32Array

/** Yields the allowed ids below `vocabSize`, rising. */
export function* idsIn(allowed: AllowedTokens, vocabSize: number): Generator<number, void> {
  for (let word = 0; word < allowed.length; word++) {
    for (let bits = allowed[word]; bits !== 0; bits &= bits - 1) {
      const id = 32 * word + 31 - Math.clz32(bits & -bits)
      if (id < vocabSize) yield id
    }
  }
}

/** The allowed id with the largest logit, the lowest among equals; -1 if all are NaN or -Infinity. */
export function argmaxAllowed(logits: Float32Array, allowed: AllowedTokens): number {
  let best = -1
  let largest = -Infinity
  for (let word = 0; word < allowed.length; word++) {
    for (let bits = allowed[word]; bits !== 0; bits &= bits - 1) {
      const id = 32 * word + 31 - Math.clz32(bits & -bits)
      if (logits[id] > largest) {
        largest = logits[id]
        best = id
      }
    }
  }
  return best
}
