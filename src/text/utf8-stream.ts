/**
 * Text out of bytes that come in pieces, cut anywhere: gives only whole characters and keeps the beginning of the next.
 * What can never become a character turns into U+FFFD, as in `decode` of the whole.
 */
export class Utf8Stream {
  // A byte-order mark is part of the text, and stays.
  private readonly decoder = new TextDecoder('utf-8', { ignoreBOM: true })

  /** The characters that are complete with these bytes. */
  push(bytes: Uint8Array): string {
    return this.decoder.decode(bytes, { stream: true })
  }

  /** The end of the text: U+FFFD where it was cut inside a character, else nothing. Ready for another text then. */
  flush(): string {
    return this.decoder.decode()
  }
}
