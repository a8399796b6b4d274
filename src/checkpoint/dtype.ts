/** Element types of the checkpoints that are read, by their safetensors names. All are stored little-endian. */
export type DType = 'F64' | 'F32' | 'F16' | 'BF16' | 'I64' | 'I32' | 'I16' | 'I8' | 'U8' | 'BOOL'

/** Bytes of one element. */
export const DTYPE_BYTES: Readonly<Record<DType, number>> = {
  F64: 8,
  F32: 4,
  F16: 2,
  BF16: 2,
  I64: 8,
  I32: 4,
  I16: 2,
  I8: 1,
  U8: 1,
  BOOL: 1,
}

/** Whether a name read from a file is one of the known element types. */
export function isDType(name: unknown): name is DType {
  return typeof name === 'string' && Object.hasOwn(DTYPE_BYTES, name)
}

/** Returns a function from an element's byte offset in `bytes` to its value, at full precision. */
export function elementReader(dtype: DType, bytes: Uint8Array): (offset: number) => number {
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
function halfValues(): Float32Array {
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
