import { UserError } from '../../ground/errors.js'
import type { ByteSource } from '../../ground/files/byte-source.js'
import { printable } from '../../ground/printable.js'
import { elementCount, type Tensor } from '../checkpoint/tensor.js'

/**
 * Logarithms of the rates at which states decay, which Hugging Face stores as A_log; llama.cpp's files have the negative
 * rates themselves, -exp(A_log), as floats.
 */
export function logsOfRates(tensor: Tensor): Tensor {
  const { source, dtype, name } = tensor
  if (dtype !== 'F32') throw new UserError(`${source.name}: tensor ${printable(name)} must be F32, not ${dtype}`)
  return { ...tensor, source: new Logs(tensor), offset: 0 }
}

/** The logarithms as bytes. */
class Logs implements ByteSource {
  readonly name: string
  readonly size: number

  constructor(private readonly rates: Tensor) {
    this.name = rates.source.name
    this.size = 4 * elementCount(rates.shape)
  }

  async read(offset: number, length: number): Promise<Uint8Array> {
    const { source, offset: start } = this.rates
    const from = offset - (offset % 4)
    const to = Math.ceil((offset + length) / 4) * 4
    const stored = (await source.read(start + from, to - from)).slice()
    const values = new DataView(stored.buffer)
    for (let at = 0; at < to - from; at += 4) values.setFloat32(at, Math.log(-values.getFloat32(at, true)), true)
    return stored.subarray(offset - from, offset - from + length)
  }

  /** The file stays open for its other tensors. */
  async close(): Promise<void> {}
}
