import type { Tokenizer } from '../../api/text.js'

const FROM_UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * The text of a single token; empty without a tokenizer. A token that is not whole characters becomes `bytes:\xe2\x82`, as in
 * OpenAI's API, so that no two tokens look alike.
 */
export function tokenText(token: number, tokenizer: Tokenizer | undefined): string {
  const bytes = tokenizer?.bytesOf(token) ?? new Uint8Array(0)
  try {
    return FROM_UTF8.decode(bytes)
  } catch {
    return `bytes:${Array.from(bytes, (byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join('')}`
  }
}

export function tokenBytes(token: number, tokenizer: Tokenizer | undefined): number[] {
  return [...(tokenizer?.bytesOf(token) ?? [])]
}
