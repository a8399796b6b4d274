/** Types of single elements, by their safetensors names. All are stored little-endian. */
export type ElementType = 'F64' | 'F32' | 'F16' | 'BF16' | 'I64' | 'I32' | 'I16' | 'I8' | 'U8' | 'BOOL'

/** Types of GGUF files that store a block of neighbouring elements together (assembly/block-types.ts). */
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
