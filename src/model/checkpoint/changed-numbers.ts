import { UserError } from '../../ground/errors.js'
import type { ByteSource } from '../../ground/files/byte-source.js'
import { printable } from '../../ground/printable.js'
import { bytesOf, type DType } from './dtype.js'
import type { Tensor } from './tensor.js'

/** A vector of the numbers that `change` makes of another's, as F32. Throws a UserError for other tensors. */
export function changedNumbers(tensor: Tensor, change: (number: number) => number): Tensor {
  const { shape, dtype, strides } = tensor
  const readNumber = READERS[dtype]
  if (shape.length !== 1 || !readNumber) {
    const found = `${dtype} of shape [${shape.join(', ')}]`
    throw new UserError(`${tensor.source.name}: ${printable(tensor.name)} must be a vector of floats, not ${found}`)
  }
  const step = bytesOf(dtype, strides[0])
  const source: ByteSource = {
    name: tensor.source.name,
    size: 4 * shape[0],
    async read(offset, length) {
      const first = Math.floor(offset / 4)
      const count = Math.ceil((offset + length) / 4) - first
      const bytes = await tensor.source.read(tensor.offset + first * step, (count - 1) * step + bytesOf(dtype, 1))
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
      const numbers = Float32Array.from({ length: count }, (_, i) => change(readNumber(view, i * step)))
      return new Uint8Array(numbers.buffer).slice(offset - 4 * first, offset - 4 * first + length)
    },
    // The file stays open for its other tensors.
    close: async () => {},
  }
  return { ...tensor, dtype: 'F32', source, offset: 0, strides: [1] }
}

const READERS: Partial<Record<DType, (view: DataView, at: number) => number>> = {
  F64: (view, at) => view.getFloat64(at, true),
  F32: (view, at) => view.getFloat32(at, true),
  F16: (view, at) => fromHalf(view.getUint16(at, true)),
  BF16: (view, at) => fromBfloat16(view.getUint16(at, true)),
}

function fromHalf(bits: number): number {
  const [sign, exponent, fraction] = [bits & 0x8000 ? -1 : 1, (bits >> 10) & 31, bits & 0x3ff]
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN
  return sign * (exponent === 0 ? fraction * 2 ** -24 : (1024 + fraction) * 2 ** (exponent - 25))
}

function fromBfloat16(bits: number): number {
  return new Float32Array(Uint32Array.of(bits << 16).buffer)[0]
}
