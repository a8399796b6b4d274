import { UserError } from '../../ground/errors.js'
import type { ByteSource } from '../../ground/files/byte-source.js'
import { printable } from '../../ground/printable.js'
import { blockOf, bytesOf, type DType } from '../checkpoint/dtype.js'
import { contiguousStrides, elementCount, isSizes, type Tensor } from '../checkpoint/tensor.js'
import type { GgufHeader, TensorInfo } from './header.js'

const ALIGNMENT_KEY = 'general.alignment'
const DEFAULT_ALIGNMENT = 32
const MOST_ALIGNMENT = 2 ** 20

/**
 * Finds the place of every tensor of a file. Throws a UserError that names the tensor if its type is not read, its data
 * are outside the file or not aligned, or overlap another's. Shapes are in the order of molm: the row length last.
 */
export function placeTensors(source: ByteSource, { metadata, tensors, end }: GgufHeader): Tensor[] {
  const alignment = metadata.number(ALIGNMENT_KEY, DEFAULT_ALIGNMENT)
  if (!(Number.isInteger(alignment) && alignment > 0 && alignment <= MOST_ALIGNMENT)) {
    throw metadata.refuse(ALIGNMENT_KEY, `is ${alignment}, which is no alignment`)
  }
  const start = Math.ceil(end / alignment) * alignment
  const placed = tensors.map((info) => place(source, info, start, alignment))
  checkOverlaps(placed)
  return placed.map(({ tensor }) => tensor)
}

interface PlacedTensor {
  tensor: Tensor
  end: number
}

function place(source: ByteSource, info: TensorInfo, start: number, alignment: number): PlacedTensor {
  const { name, sizes, type, offset } = info
  const refuse = (why: string) => new UserError(`${source.name}: tensor ${printable(name)} ${why}`)
  const dtype = READ_TYPES.find((name) => name === NAMES[type])
  if (dtype === undefined) {
    const found = NAMES[type] ?? `number ${type}`
    throw refuse(`has the type ${found}, which molm does not read (it reads ${READ_TYPES.join(', ')})`)
  }
  const shape = sizes.toReversed()
  const count = isSizes(shape) ? elementCount(shape) : Number.NaN
  if (!Number.isSafeInteger(count)) throw refuse('has an impossible size')
  const block = blockOf(dtype).elements
  if ((shape.at(-1) ?? 1) % block !== 0) {
    throw refuse(`has rows of ${shape.at(-1)} elements, which are no whole blocks of ${dtype} (${block} elements)`)
  }
  if (offset % alignment !== 0) throw refuse(`begins at byte ${offset} of the data, not at a multiple of ${alignment}`)
  const last = start + offset + bytesOf(dtype, count)
  if (!(last <= source.size)) {
    throw refuse(`ends at byte ${last}, the file at ${source.size}: the file is cut short, fetch it again`)
  }
  const tensor = { name, dtype, shape, strides: contiguousStrides(shape), source, offset: start + offset }
  return { tensor, end: last }
}

function checkOverlaps(placed: readonly PlacedTensor[]): void {
  const sorted = placed.filter(({ tensor, end }) => end > tensor.offset)
  sorted.sort((a, b) => a.tensor.offset - b.tensor.offset)
  for (const [i, { tensor }] of sorted.entries()) {
    if (i === 0 || sorted[i - 1].end <= tensor.offset) continue
    const [one, other] = [printable(tensor.name), printable(sorted[i - 1].tensor.name)]
    throw new UserError(`${tensor.source.name}: the data of tensor ${one} overlaps that of ${other}`)
  }
}

/** Names of ggml's tensor types in the order of their numbers, withdrawn types included. */
const NAMES: readonly string[] = [
  ...['F32', 'F16', 'Q4_0', 'Q4_1', 'Q4_2', 'Q4_3', 'Q5_0', 'Q5_1', 'Q8_0', 'Q8_1', 'Q2_K', 'Q3_K', 'Q4_K', 'Q5_K'],
  ...['Q6_K', 'Q8_K', 'IQ2_XXS', 'IQ2_XS', 'IQ3_XXS', 'IQ1_S', 'IQ4_NL', 'IQ3_S', 'IQ2_S', 'IQ4_XS', 'I8', 'I16'],
  ...['I32', 'I64', 'F64', 'IQ1_M', 'BF16', 'Q4_0_4_4', 'Q4_0_4_8', 'Q4_0_8_8', 'TQ1_0', 'TQ2_0', 'IQ4_NL_4_4'],
  ...['IQ4_NL_4_8', 'IQ4_NL_8_8', 'MXFP4', 'NVFP4', 'Q1_0', 'Q2_0'],
]

/** Types whose tensors are read; a DType has the same name. */
const READ_TYPES: readonly DType[] = [
  ...(['F32', 'F16', 'BF16', 'F64', 'Q8_0', 'Q4_0', 'Q4_1', 'Q5_0', 'Q5_1'] as const),
  ...(['Q4_K', 'Q5_K', 'Q6_K', 'IQ4_NL', 'MXFP4'] as const),
]
