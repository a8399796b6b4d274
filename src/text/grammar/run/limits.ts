/** Limits of the next token. */
export type Limits =
  /** Any token is allowed. */
  | { kind: 'free' }
  /** The tokens whose bits are set are allowed: bit i % 32 of word i / 32 for token i. */
  | { kind: 'masked'; mask: Int32Array }
  /** These tokens follow, and no others can. */
  | { kind: 'forced'; tokens: Int32Array }
  /** The text is complete: nothing can follow. */
  | { kind: 'done' }

/** A mask of the tokens 0 to `size` - 1 that allows none. */
export function emptyMask(size: number): Int32Array {
  return new Int32Array(Math.ceil(size / 32))
}

export function has(mask: Int32Array, token: number): boolean {
  return (mask[token >> 5] & (1 << (token & 31))) !== 0
}

export function allow(mask: Int32Array, token: number): void {
  mask[token >> 5] |= 1 << (token & 31)
}

export function forbid(mask: Int32Array, token: number): void {
  mask[token >> 5] &= ~(1 << (token & 31))
}

/** Bits of the tokens 0 to `size` - 1. */
export function fullMask(size: number): Int32Array {
  const mask = emptyMask(size).fill(-1)
  if (size % 32 > 0) mask[mask.length - 1] = (1 << (size % 32)) - 1
  return mask
}

/** Tokens of a mask, `most` of them at most. */
export function tokensOf(mask: Int32Array, most: number): number[] {
  const tokens: number[] = []
  for (let word = 0; word < mask.length && tokens.length < most; word++) {
    for (let bits = mask[word]; bits !== 0 && tokens.length < most; bits &= bits - 1) {
      tokens.push(32 * word + 31 - Math.clz32(bits & -bits))
    }
  }
  return tokens
}

/** Adds to a mask what the limits allow; `eos` are the tokens that end a text. */
export function addLimits(mask: Int32Array, limits: Limits, eos: readonly number[], size: number): void {
  if (limits.kind === 'forced') allow(mask, limits.tokens[0])
  else if (limits.kind === 'done') for (const token of eos) allow(mask, token)
  else {
    const other = limits.kind === 'free' ? fullMask(size) : limits.mask
    for (let word = 0; word < mask.length; word++) mask[word] |= other[word]
  }
}
