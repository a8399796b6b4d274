import { UserError } from '../../ground/errors.js'
import type { ByteSource } from '../../ground/files/byte-source.js'
import { printable } from '../../ground/printable.js'
import { bytesOf } from './dtype.js'
import { contiguousStrides, elementCount, type Tensor } from './tensor.js'

/**
 * `count` rows of a tensor, or entries of a vector, in another order: row `storedRow(i)` of the file is row i. A UserError
 * if the rows do not follow one another in the file.
 */
export function inOrder(tensor: Tensor, count: number, storedRow: (row: number) => number): Tensor {
  const { shape, dtype, name, strides, offset } = tensor
  const rowBytes = bytesOf(dtype, elementCount(shape.slice(1)))
  if (!Number.isInteger(rowBytes) || String(strides) !== String(contiguousStrides(shape))) {
    throw new UserError(`${tensor.source.name}: tensor ${printable(name)} is not stored row after row`)
  }
  const ordered = [count, ...shape.slice(1)]
  const source = new OrderedRows(tensor.source, offset, { count, rowBytes, storedRow })
  return { ...tensor, shape: ordered, source, offset: 0, strides: contiguousStrides(ordered) }
}

interface RowOrder {
  count: number
  rowBytes: number
  storedRow: (row: number) => number
}

/** Rows of a file in another order, as bytes of their own. */
class OrderedRows implements ByteSource {
  readonly name: string
  readonly size: number

  constructor(
    private readonly file: ByteSource,
    private readonly start: number,
    private readonly rows: RowOrder,
  ) {
    this.name = file.name
    this.size = rows.count * rows.rowBytes
  }

  /** Reads the range of the file with all the rows that the bytes belong to, and moves these. */
  async read(offset: number, length: number): Promise<Uint8Array> {
    if (length === 0) return new Uint8Array(0)
    const { rowBytes, storedRow } = this.rows
    const rows: { at: number; stored: number }[] = []
    for (let row = Math.floor(offset / rowBytes); row * rowBytes < offset + length; row++) {
      rows.push({ at: row * rowBytes, stored: storedRow(row) })
    }
    const first = rows.reduce((least, { stored }) => Math.min(least, stored), Number.POSITIVE_INFINITY)
    const last = rows.reduce((most, { stored }) => Math.max(most, stored), first)
    const bytes = await this.file.read(this.start + first * rowBytes, (last + 1 - first) * rowBytes)
    const out = new Uint8Array(length)
    for (const { at, stored } of rows) {
      const [begin, end] = [Math.max(at, offset), Math.min(at + rowBytes, offset + length)]
      const from = (stored - first) * rowBytes - at
      out.set(bytes.subarray(from + begin, from + end), begin - offset)
    }
    return out
  }

  /** The file stays open for its other tensors. */
  async close(): Promise<void> {}
}
