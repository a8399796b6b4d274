/** Types of single elements, by their safetensors names. All are stored little-endian. */
export type ElementType = 'F64' | 'F32' | 'F16' | 'BF16' | 'I64' | 'I32' | 'I16' | 'I8' | 'U8' | 'BOOL'

/** Types of GGUF files that store a block of neighbouring elements together (block-types.ts). */
export type BlockType = 'Q4_0' | 'Q4_1' | 'Q5_0' | 'Q5_1' | 'Q8_0' | 'Q4_K' | 'Q5_K' | 'Q6_K' | 'IQ4_NL' | 'MXFP4'

/** Types of the elements of a tensor. */
export type DType = ElementType | BlockType

/** Elements that are stored together, and their bytes. A single element is a block of its own. */
export interface Block {
  elements: number
  bytes: number
}

const ELEMENTS: Readonly<Record<ElementType, Block>> = {
  F64: { elements: 1, bytes: 8 },
  F32: { elements: 1, bytes: 4 },
  F16: { elements: 1, bytes: 2 },
  BF16: { elements: 1, bytes: 2 },
  I64: { elements: 1, bytes: 8 },
  I32: { elements: 1, bytes: 4 },
  I16: { elements: 1, bytes: 2 },
  I8: { elements: 1, bytes: 1 },
  U8: { elements: 1, bytes: 1 },
  BOOL: { elements: 1, bytes: 1 },
}

export const ELEMENT_TYPES = Object.keys(ELEMENTS) as readonly ElementType[]

const BLOCKS: Readonly<Record<DType, Block>> = {
  ...ELEMENTS,
  Q4_0: { elements: 32, bytes: 18 },
  Q4_1: { elements: 32, bytes: 20 },
  Q5_0: { elements: 32, bytes: 22 },
  Q5_1: { elements: 32, bytes: 24 },
  Q8_0: { elements: 32, bytes: 34 },
  Q4_K: { elements: 256, bytes: 144 },
  Q5_K: { elements: 256, bytes: 176 },
  Q6_K: { elements: 256, bytes: 210 },
  IQ4_NL: { elements: 32, bytes: 18 },
  MXFP4: { elements: 32, bytes: 17 },
}

/** Block of a type: the elements that only make sense together. */
export function blockOf(dtype: DType): Block {
  return BLOCKS[dtype]
}

/** Bytes of a number of elements, which must be whole blocks. */
export function bytesOf(dtype: DType, elements: number): number {
  const block = BLOCKS[dtype]
  return (elements / block.elements) * block.bytes
}

/** Whether a name read from a file is one of the types of single elements. */
export function isElementType(name: unknown): name is ElementType {
  return typeof name === 'string' && Object.hasOwn(ELEMENTS, name)
}

/** Whether a type stores several elements in a block. */
export function isBlockType(dtype: DType): dtype is BlockType {
  return BLOCKS[dtype].elements > 1
}

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
