import { UserError } from '../../ground/errors.js'
import type { ByteSource } from '../../ground/files/byte-source.js'
import { printable } from '../../ground/printable.js'
import { bytesOf } from '../checkpoint/dtype.js'
import { contiguousStrides, type Tensor } from '../checkpoint/tensor.js'

/*
 * llama.cpp turns neighbouring channels of a head together, and Hugging Face channels that are half a head apart. For
 * the families that it runs so, its files have the rows of queries and keys in that order: the rows of a head's two
 * halves take turns.
 */

/** Queries or keys, [heads * size, ..] or a vector, in the order of Hugging Face. A UserError if the rows do not fit. */
export function inHalves(tensor: Tensor, heads: number): Tensor {
  const { shape, dtype, name } = tensor
  const [rows, ...rest] = shape
  const rowBytes = bytesOf(
    dtype,
    rest.reduce((product, n) => product * n, 1),
  )
  if (!Number.isInteger(rows / heads / 2) || !Number.isInteger(rowBytes)) {
    throw new UserError(`${tensor.source.name}: tensor ${printable(name)} does not consist of ${heads} heads of pairs`)
  }
  const source = new RowsInHalves(tensor.source, tensor.offset, { heads, headRows: rows / heads, rowBytes })
  return { ...tensor, source, offset: 0, strides: contiguousStrides(shape) }
}

interface HeadRows {
  heads: number
  /** Rows of a head, an even number. */
  headRows: number
  rowBytes: number
}

/** The rows of a tensor in another order, as bytes of their own. */
class RowsInHalves implements ByteSource {
  readonly name: string
  readonly size: number

  constructor(
    private readonly file: ByteSource,
    private readonly start: number,
    private readonly rows: HeadRows,
  ) {
    this.name = file.name
    this.size = rows.heads * rows.headRows * rows.rowBytes
  }

  /** Reads the heads that the bytes belong to, and moves their rows. */
  async read(offset: number, length: number): Promise<Uint8Array> {
    const { headRows, rowBytes } = this.rows
    const headBytes = headRows * rowBytes
    const from = Math.floor(offset / headBytes) * headBytes
    const to = Math.ceil((offset + length) / headBytes) * headBytes
    const stored = await this.file.read(this.start + from, to - from)
    const out = new Uint8Array(length)
    const firstRow = Math.floor(offset / rowBytes)
    for (let row = firstRow; row * rowBytes < offset + length; row++) {
      const at = row * rowBytes
      const [begin, end] = [Math.max(at, offset), Math.min(at + rowBytes, offset + length)]
      const source = this.storedRow(row) * rowBytes - from
      out.set(stored.subarray(source + begin - at, source + end - at), begin - offset)
    }
    return out
  }

  /** The file stays open for its other tensors. */
  async close(): Promise<void> {}

  /** Row of the file that is row `row` in the order of Hugging Face. */
  private storedRow(row: number): number {
    const { headRows } = this.rows
    const inHead = row % headRows
    const half = headRows / 2
    return row - inHead + 2 * (inHead % half) + Math.floor(inHead / half)
  }
}
