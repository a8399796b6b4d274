import { packedBytes } from '../packing/format/formats.js'
import type { PackRequest } from '../packing/write/pack.js'
import { isSourceFormat, Pack } from '../runtime/kernels/pack.js'
import type { Bank } from '../runtime/memory/bank.js'

/** Packs rows of weights on the threads of a bank. */
export class Packer {
  private source = { address: 0, bytes: 0 }
  private target = { address: 0, bytes: 0 }
  private readonly call: Pack

  constructor(private readonly bank: Bank) {
    this.call = new Pack(bank)
  }

  /** Packs the rows of a request into a new buffer. */
  pack(request: PackRequest): { bytes: Uint8Array; nonFinite: number } {
    const { bytes, dtype: type, kind, format, rows, cols } = request
    if (!isSourceFormat(type)) throw new Error(`weights of type ${type} cannot be packed`)
    const size = packedBytes(kind, format, rows, cols)
    const source = this.room('source', bytes.length)
    const target = this.room('target', size)
    this.bank.u8.set(bytes, source)
    // A vector is a table of one row.
    const shape = { ...request, type, kind: kind === 'matrix' ? kind : 'rows' } as const
    const nonFinite = this.call.run(shape, source, target)
    return { bytes: this.bank.u8.slice(target, target + size), nonFinite }
  }

  /** Address of a buffer of at least `bytes`, kept between calls. Sizes double, so that it seldom grows. */
  private room(which: 'source' | 'target', bytes: number): number {
    const former = this[which]
    if (former.bytes < bytes) {
      const size = 2 ** Math.ceil(Math.log2(Math.max(bytes, 65536)))
      // Forget the former buffer first: if allocating fails, another user may get its memory.
      this[which] = { address: 0, bytes: 0 }
      if (former.bytes > 0) this.bank.arena.release(former.address, former.bytes)
      this[which] = { address: this.bank.arena.allocate(size), bytes: size }
    }
    return this[which].address
  }
}
