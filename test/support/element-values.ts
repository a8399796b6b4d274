import type { ElementType } from '#molm/model/checkpoint/dtype.js'

/** Returns a function from an element's byte offset in `bytes` to its value, at full precision. */
export function elementReader(dtype: ElementType, bytes: Uint8Array): (offset: number) => number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  switch (dtype) {
    case 'F64':
      return (offset) => view.getFloat64(offset, true)
    case 'F32':
      return (offset) => view.getFloat32(offset, true)
    case 'F16': {
      const values = halfValues()
      return (offset) => values[view.getUint16(offset, true)]
    }
    case 'BF16':
      return (offset) => bfloat16ToNumber(view.getUint16(offset, true))
    case 'I64':
      return (offset) => Number(view.getBigInt64(offset, true))
    case 'I32':
      return (offset) => view.getInt32(offset, true)
    case 'I16':
      return (offset) => view.getInt16(offset, true)
    case 'I8':
      return (offset) => view.getInt8(offset)
    case 'U8':
      return (offset) => view.getUint8(offset)
    case 'BOOL':
      return (offset) => (view.getUint8(offset) === 0 ? 0 : 1)
  }
}

/** Value of an IEEE 754 half: 1 sign bit, 5 exponent bits with bias 15, 10 fraction bits. */
export function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1
  const exponent = (bits >> 10) & 0x1f
  const fraction = bits & 0x3ff
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN
  if (exponent === 0) return sign * fraction * 2 ** -24
  return sign * (1024 + fraction) * 2 ** (exponent - 25)
}

let halves: Float32Array | undefined

/** Values of all 65536 halves. Looking one up is quicker than computing it, and 256 KiB is little. */
export function halfValues(): Float32Array {
  halves ??= Float32Array.from({ length: 0x10000 }, (_, bits) => halfToNumber(bits))
  return halves
}

const float = new Float32Array(1)
const floatBits = new Uint32Array(float.buffer)

/** Value of a bfloat16, the upper half of a float32. */
export function bfloat16ToNumber(bits: number): number {
  floatBits[0] = bits << 16
  return float[0]
}
