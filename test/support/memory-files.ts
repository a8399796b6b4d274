import type { ByteSource, FileSet } from '#molm/checkpoint/byte-source.js'

/** Files in memory. A read outside a file throws an ordinary Error, so that readers must check first. */
export class MemoryFiles implements FileSet {
  readonly name = 'memory'
  /** Sources that are still open. */
  readonly opened = new Set<ByteSource>()

  constructor(private readonly files: Record<string, Uint8Array | string>) {}

  async list(): Promise<string[]> {
    return Object.keys(this.files)
  }

  async open(file: string): Promise<ByteSource> {
    const content = this.files[file]
    const source = bytesSource(typeof content === 'string' ? new TextEncoder().encode(content) : content, file)
    const close = async () => void this.opened.delete(source)
    this.opened.add(source)
    source.close = close
    return source
  }
}

/** Bytes as a source. */
export function bytesSource(bytes: Uint8Array, name = 'file'): ByteSource {
  return {
    name,
    size: bytes.length,
    async read(offset, length) {
      if (!(offset >= 0 && length >= 0 && offset + length <= bytes.length)) {
        throw new Error(`read of ${length} bytes at ${offset} outside ${bytes.length}`)
      }
      return bytes.slice(offset, offset + length)
    },
    async close() {},
  }
}

/** A source of any size that takes no memory: each byte is the low 8 bits of its offset / 2^20. */
export function vastSource(size: number): ByteSource {
  return {
    name: 'vast',
    size,
    async read(offset, length) {
      const bytes = new Uint8Array(length)
      for (let i = 0; i < length; i++) bytes[i] = (offset + i) / 2 ** 20
      return bytes
    },
    async close() {},
  }
}
