import type { ByteSource, FileSet } from '#molm/ground/files/byte-source.js'
import type { DType } from '#molm/model/checkpoint/dtype.js'
import { contiguousStrides, type Tensor } from '#molm/model/checkpoint/tensor.js'

type MemoryTensor = Tensor & { source: BytesSource }

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

/** Bytes as a source, and the ranges that were read of it. */
export interface BytesSource extends ByteSource {
  readonly bytes: Uint8Array
  readonly reads: { offset: number; length: number }[]
}

export function bytesSource(bytes: Uint8Array, name = 'file'): BytesSource {
  const reads: BytesSource['reads'] = []
  return {
    ...{ name, size: bytes.length, bytes, reads },
    async read(offset, length) {
      reads.push({ offset, length })
      if (!(offset >= 0 && length >= 0 && offset + length <= bytes.length)) {
        throw new Error(`read of ${length} bytes at ${offset} outside ${bytes.length}`)
      }
      return bytes.slice(offset, offset + length)
    },
    async close() {},
  }
}

/** A row-major tensor with its own source. */
export function bytesTensor(name: string, dtype: DType, shape: number[], bytes: Uint8Array): MemoryTensor {
  return { name, dtype, shape, strides: contiguousStrides(shape), source: bytesSource(bytes, 'memory'), offset: 0 }
}

export function memoryTensor(name: string, shape: number[], values: Float32Array): MemoryTensor {
  return bytesTensor(name, 'F32', shape, new Uint8Array(values.buffer, values.byteOffset, values.byteLength))
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
