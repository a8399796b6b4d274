const FROM_UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * A token as a text of its own. One that is not whole characters is written as OpenAI writes it, `bytes:\xe2\x82`, so that no
 * two tokens look alike. Empty without a tokenizer.
 */
import type { Tokenizer } from '../../api/text.js'
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
