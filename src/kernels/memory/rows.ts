import type { Bank } from './bank.js'
import { padded, recordBytes } from './formats.js'

/**
 * Rows of activations in a bank: floats and, if a product in q8 or q4 reads them, a record of each row quantised to 8
 * bits (assembly/quantize.ts). A kernel that writes rows also writes their records.
 */
export class Rows {
  /**
   * `count` rows of `columns` floats from `address` on, each `stride` floats after the one before. `recordsAt` is the
   * address of their records; 0 if they have none.
   */
  constructor(
    readonly bank: Bank,
    readonly address: number,
    readonly count: number,
    readonly columns: number,
    readonly stride: number,
    private readonly recordsAt = 0,
  ) {}

  /** Allocates rows, padded to whole quantisation blocks: [count, columns]. */
  static allocate(bank: Bank, count: number, columns: number, { records = false } = {}): Rows {
    const stride = padded(columns)
    const address = bank.arena.allocate(count * stride * 4)
    const recordsAt = records ? bank.arena.allocate(count * recordBytes(columns)) : 0
    return new Rows(bank, address, count, columns, stride, recordsAt)
  }

  get hasRecords(): boolean {
    return this.recordsAt !== 0
  }

  /** Address of the first record. Throws if the rows have none. */
  get records(): number {
    if (!this.hasRecords) throw new Error('these rows have no records, which a quantised product reads')
    return this.recordsAt
  }

  get strideBytes(): number {
    return this.stride * 4
  }

  get recordBytes(): number {
    return recordBytes(this.columns)
  }

  slice(first: number, count: number): Rows {
    const { bank, address, columns, stride, strideBytes, recordsAt } = this
    const records = this.hasRecords ? recordsAt + first * this.recordBytes : 0
    return new Rows(bank, address + first * strideBytes, count, columns, stride, records)
  }

  /** Some columns of all rows, in the same place, without records. */
  block(first: number, columns: number): Rows {
    const { bank, address, count, stride } = this
    return new Rows(bank, address + first * 4, count, columns, stride)
  }

  /** The floats of a row without the padding. The view is invalid once the memory has grown. */
  row(index: number): Float32Array {
    const first = this.address / 4 + index * this.stride
    return this.bank.f32.subarray(first, first + this.columns)
  }
}
