/**
 * Decodes UTF-8 that arrives in pieces, cut anywhere: returns whole characters and keeps the beginning of the next.
 * Invalid bytes become U+FFFD, as when the whole text is decoded.
 */
export class Utf8Stream {
  // A byte-order mark is part of the text.
  private readonly decoder = new TextDecoder('utf-8', { ignoreBOM: true })
  /** Bytes missing from the last character. */
  private missing = 0

  get isHolding(): boolean {
    return this.missing > 0
  }

  /** Adds bytes and returns the characters they complete. */
  push(bytes: Uint8Array): string {
    for (const byte of bytes) this.missing = isContinuation(byte) ? Math.max(0, this.missing - 1) : following(byte)
    return this.decoder.decode(bytes, { stream: true })
  }

  /** Ends the text: returns U+FFFD if it was cut inside a character, else nothing. Another text may follow. */
  flush(): string {
    this.missing = 0
    return this.decoder.decode()
  }
}

function isContinuation(byte: number): boolean {
  return byte >= 0x80 && byte < 0xc0
}

/** Bytes that follow the first byte of a character. */
function following(first: number): number {
  if (first < 0xc2 || first > 0xf4) return 0
  return first < 0xe0 ? 1 : first < 0xf0 ? 2 : 3
}
