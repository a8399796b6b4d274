/** Types of single elements, by their safetensors names. All are stored little-endian. */
export type ElementType = keyof typeof ELEMENTS

/** Types of GGUF files that store a block of neighbouring elements together (assembly/block-types.ts). */
export type BlockType = keyof typeof BLOCKS

export type DType = ElementType | BlockType

/** Elements that are stored together, and their bytes. A single element is a block by itself. */
export interface Block {
  elements: number
  bytes: number
}

/** Bytes of the types of single elements. */
const ELEMENTS = { F64: 8, F32: 4, F16: 2, BF16: 2, I64: 8, I32: 4, I16: 2, I8: 1, U8: 1, BOOL: 1 } as const

export const ELEMENT_TYPES = Object.keys(ELEMENTS) as readonly ElementType[]

const BLOCKS = {
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
} as const

/** Block of a type: the elements that only make sense together. */
export function blockOf(dtype: DType): Block {
  return isBlockType(dtype) ? BLOCKS[dtype] : { elements: 1, bytes: ELEMENTS[dtype] }
}

/** Bytes of a number of elements, which must be whole blocks. */
export function bytesOf(dtype: DType, elements: number): number {
  const block = blockOf(dtype)
  return (elements / block.elements) * block.bytes
}

/** Whether a name read from a file is one of the types of single elements. */
export function isElementType(name: unknown): name is ElementType {
  return typeof name === 'string' && Object.hasOwn(ELEMENTS, name)
}

export function isBlockType(dtype: DType): dtype is BlockType {
  return dtype in BLOCKS
}
