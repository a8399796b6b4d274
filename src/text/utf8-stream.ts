/**
 * Text out of bytes that come in pieces, cut anywhere: gives only whole characters and keeps the beginning of the next.
 * What can never become a character turns into U+FFFD, as in `decode` of the whole.
 */
export class Utf8Stream {
  // A byte-order mark is part of the text, and stays.
  private readonly decoder = new TextDecoder('utf-8', { ignoreBOM: true })
  /** Bytes that the last character still lacks. */
  private missing = 0

  /** Whether the beginning of a character is kept. */
  get isHolding(): boolean {
    return this.missing > 0
  }

  /** The characters that are complete with these bytes. */
  push(bytes: Uint8Array): string {
    for (const byte of bytes) this.missing = isContinuation(byte) ? Math.max(0, this.missing - 1) : following(byte)
    return this.decoder.decode(bytes, { stream: true })
  }

  /** The end of the text: U+FFFD where it was cut inside a character, else nothing. Ready for another text then. */
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
