const NEWLINE = 0x0a
/** Bytes of the buffer that stays while no line is under way. */
const SMALL = 4096

/** Splits a stream of bytes into lines, each of at most `most` bytes, and skips empty ones. */
export class LineReader {
  /** The beginning of the line under way, in the first `length` bytes. */
  private buffer = Buffer.alloc(SMALL)
  private length = 0

  constructor(private readonly most: number) {}

  /** Lines that the chunk completes, each valid until the next one. Throws a RangeError if one is too long. */
  *add(chunk: Buffer): Generator<Buffer> {
    let from = 0
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, from)) {
      const part = chunk.subarray(from, end)
      from = end + 1
      while (chunk[from] === NEWLINE) from++
      if (this.length + part.length > 0) yield this.length === 0 ? this.checked(part) : this.finish(part)
    }
    this.keep(chunk.subarray(from))
  }

  private finish(part: Buffer): Buffer {
    this.keep(part)
    const line = this.buffer.subarray(0, this.length)
    this.length = 0
    if (this.buffer.length > SMALL) this.buffer = Buffer.alloc(SMALL)
    return line
  }

  private keep(part: Buffer): void {
    this.checked(part)
    const length = this.length + part.length
    if (length > this.buffer.length) {
      const larger = Buffer.alloc(Math.max(length, Math.min(2 * this.buffer.length, this.most)))
      this.buffer.copy(larger, 0, 0, this.length)
      this.buffer = larger
    }
    part.copy(this.buffer, this.length)
    this.length = length
  }

  private checked(part: Buffer): Buffer {
    if (this.length + part.length > this.most) throw new RangeError('the line is too long')
    return part
  }
}
