/** Thrown if fewer bytes are left than a ByteCursor should read. */
export class EndOfBytes extends Error {}

const NEWLINE = 0x0a

/** Reads values one after the other from bytes, in little-endian order unless noted. Throws EndOfBytes at the end. */
export class ByteCursor {
  private readonly view: DataView
  private readonly decoder = new TextDecoder('utf-8', { ignoreBOM: true })

  constructor(
    private readonly bytes: Uint8Array,
    public at: number,
  ) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  u8(): number {
    return this.view.getUint8(this.skip(1))
  }

  u16(): number {
    return this.view.getUint16(this.skip(2), true)
  }

  u32(): number {
    return this.view.getUint32(this.skip(4), true)
  }

  /** A 64-bit length, rounded beyond 2^53; no use of it needs more precision. */
  u64(): number {
    const at = this.skip(8)
    return this.view.getUint32(at, true) + this.view.getUint32(at + 4, true) * 2 ** 32
  }

  /** Big-endian, as in pickles. */
  f64(): number {
    return this.view.getFloat64(this.skip(8), false)
  }

  take(length: number): Uint8Array {
    const from = this.skip(length)
    return this.bytes.subarray(from, from + length)
  }

  text(length: number): string {
    return this.decoder.decode(this.take(length))
  }

  /** UTF-8 text up to the next newline, which is skipped. */
  line(): string {
    const end = this.bytes.indexOf(NEWLINE, this.at)
    if (end < 0) throw new EndOfBytes()
    const text = this.text(end - this.at)
    this.skip(1)
    return text
  }

  private skip(length: number): number {
    const from = this.at
    if (from + length > this.bytes.length) throw new EndOfBytes()
    this.at = from + length
    return from
  }
}
