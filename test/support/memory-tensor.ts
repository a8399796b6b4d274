import type { ByteSource } from '#molm/checkpoint/byte-source.js'
import { contiguousStrides, type Tensor } from '#molm/checkpoint/tensor.js'

/** A source in memory that records every range read. */
export class MemorySource implements ByteSource {
  readonly name = 'memory'
  readonly reads: { offset: number; length: number }[] = []

  constructor(readonly bytes: Uint8Array) {}

  get size(): number {
    return this.bytes.length
  }

  async read(offset: number, length: number): Promise<Uint8Array> {
    this.reads.push({ offset, length })
    return this.bytes.slice(offset, offset + length)
  }

  async close(): Promise<void> {}
}

/** A row-major float32 tensor with its own source. */
export function memoryTensor(name: string, shape: number[], values: Float32Array): Tensor & { source: MemorySource } {
  const source = new MemorySource(new Uint8Array(values.buffer, values.byteOffset, values.byteLength))
  return { name, dtype: 'F32', shape, strides: contiguousStrides(shape), source, offset: 0 }
}
