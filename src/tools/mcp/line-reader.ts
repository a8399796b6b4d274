const NEWLINE = 0x0a

/** Splits a stream of bytes into lines, each of at most `most` bytes. */
export class LineReader {
  private parts: Buffer[] = []
  private length = 0

  constructor(private readonly most: number) {}

  /** Lines that the chunk completes, without their ends. Throws a RangeError if a line is longer than the limit. */
  *add(chunk: Buffer): Generator<Buffer> {
    let from = 0
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, from)) {
      this.keep(chunk.subarray(from, end))
      from = end + 1
      const line = this.parts.length === 1 ? this.parts[0] : Buffer.concat(this.parts)
      this.parts = []
      this.length = 0
      yield line
    }
    this.keep(chunk.subarray(from))
  }

  private keep(part: Buffer): void {
    this.length += part.length
    if (this.length > this.most) throw new RangeError('the line is too long')
    this.parts.push(part)
  }
}
