import type { DType } from '../checkpoint/dtype.js'
import { packedBytes } from '../packing/format.js'
import type { PackRequest } from '../packing/pack.js'
import type { Bank } from '../runtime/bank.js'
import { JOB } from '../runtime/control.js'
import { FORMAT } from '../runtime/kernels.js'

/** Source types of the packing kernel (assembly/gather.ts). */
const SOURCE: Partial<Record<DType, number>> = { F32: 0, F16: 1, BF16: 2, F64: 3 }

/** Rows of a matrix that the kernel packs as one chunk. */
const CHUNK_ROWS = 32

/** Packs rows of weights on the threads of a bank. */
export class Packer {
  private source = { address: 0, bytes: 0 }
  private target = { address: 0, bytes: 0 }
  private readonly counter: number

  constructor(private readonly bank: Bank) {
    this.counter = bank.arena.allocate(64)
  }

  /** Packs the rows of a request; the result is a buffer of its own. */
  pack(request: PackRequest): { bytes: Uint8Array; nonFinite: number } {
    const { bytes, dtype, firstElement, rows, cols, rowStride, colStride, kind, format } = request
    const type = SOURCE[dtype]
    if (type === undefined) throw new Error(`weights of type ${dtype} cannot be packed`)
    const size = packedBytes(kind, format, rows, cols)
    const source = this.room('source', bytes.length)
    const target = this.room('target', size)
    this.bank.u8.set(bytes, source)
    this.bank.u32[this.counter / 4] = 0
    const isMatrix = kind === 'matrix'
    const { args } = this.bank.control
    const shape = [rows, cols, rowStride, colStride]
    args.set([source, type, firstElement, ...shape, target, FORMAT[format], isMatrix ? 0 : 1, this.counter])
    this.bank.run(JOB.PACK, isMatrix ? Math.ceil(rows / CHUNK_ROWS) : rows)
    return { bytes: this.bank.u8.slice(target, target + size), nonFinite: this.bank.u32[this.counter / 4] }
  }

  /** Address of a buffer of at least `bytes`, kept from call to call. Sizes double, so that few are ever left behind. */
  private room(which: 'source' | 'target', bytes: number): number {
    if (this[which].bytes < bytes) {
      const size = 2 ** Math.ceil(Math.log2(Math.max(bytes, 65536)))
      if (this[which].bytes > 0) this.bank.arena.release(this[which].address, this[which].bytes)
      this[which] = { address: this.bank.arena.allocate(size), bytes: size }
    }
    return this[which].address
  }
}
