import { UserError } from '../../../ground/errors.js'
import type { ByteSource, FileSet } from '../../../ground/files/byte-source.js'
import { printable } from '../../../ground/printable.js'
import { blockOf, bytesOf, type DType } from '../../checkpoint/dtype.js'
import { closeAll } from '../../checkpoint/shards.js'
import { contiguousStrides, elementCount, isSizes, type Tensor } from '../../checkpoint/tensor.js'
import { type GgufHeader, readHeader, type TensorInfo } from './header.js'
import type { GgufMetadata } from './metadata.js'
import { partNames } from './split-names.js'

/** A model in a GGUF file, or in the parts of a split one. */
export interface GgufFile {
  /** Name for messages: the file that was opened. */
  name: string
  /** Metadata of the first part; the others repeat none of it. */
  metadata: GgufMetadata
  /** Tensors by GGUF's names, readable until the file is closed. Shapes are in the order of molm: the row length last. */
  tensors: Map<string, Tensor>
  /** The open files, in the order of the parts. */
  sources: ByteSource[]
  files: string[]
  /** Closes the files. May be called more than once. */
  close(): Promise<void>
}

/**
 * Opens a GGUF file, or all parts of a split file if `file` is one of them. Reads the headers only. Rejects with a
 * UserError that names the file and what is missing, damaged or not read by molm; then no file stays open.
 */
export async function openGguf(files: FileSet, file: string): Promise<GgufFile> {
  const sources: ByteSource[] = []
  try {
    const names = await openParts(files, file, sources)
    const tensors = new Map<string, Tensor>()
    const parts: GgufMetadata[] = []
    for (const [i, source] of sources.entries()) {
      const header = await readHeader(source)
      if (names.length > 1) checkPart(header.metadata, i, names.length)
      parts.push(header.metadata)
      for (const tensor of placeTensors(source, header)) addTensor(tensors, tensor)
    }
    if (names.length > 1) checkTotal(parts, tensors.size)
    else refuseLonePart(parts[0])
    return { name: file, metadata: parts[0], tensors, sources, files: names, close: () => closeAll(sources) }
  } catch (error) {
    await closeAll(sources)
    throw error
  }
}

const PART = 'split.no'
const PARTS = 'split.count'
const TENSORS = 'split.tensors.count'

/** Opens a file and the other parts of its model, and returns the names. Adds each to `sources` as it is opened. */
async function openParts(files: FileSet, file: string, sources: ByteSource[]): Promise<string[]> {
  const names = partNames(file) ?? [file]
  if (names.length > 1) {
    const listing = new Set(await files.list())
    const missing = names.findIndex((name) => !listing.has(name))
    if (missing >= 0) {
      const part = `part ${missing + 1} of ${names.length}`
      throw new UserError(`${files.name}: ${part} of the model is missing: ${printable(names[missing])}`)
    }
  }
  for (const name of names) sources.push(await files.open(name))
  return names
}

/** Checks that a part says what its name says. `index` counts from 0. */
function checkPart(metadata: GgufMetadata, index: number, count: number): void {
  const found = metadata.number(PARTS)
  if (found !== count) throw metadata.refuse(PARTS, `is ${found}, and its name says ${count}`)
  const number = metadata.number(PART)
  if (number !== index) throw metadata.refuse(PART, `is ${number}, and its name says ${index} (counted from 0)`)
}

/** Checks that the parts have all tensors that each of them announces. */
function checkTotal(parts: readonly GgufMetadata[], tensors: number): void {
  for (const metadata of parts) {
    const announced = metadata.number(TENSORS, tensors)
    if (announced !== tensors) throw metadata.refuse(TENSORS, `is ${announced}, and the parts have ${tensors}`)
  }
}

/** Refuses a part of a split file whose name does not lead to the others. */
function refuseLonePart(metadata: GgufMetadata): void {
  const count = metadata.number(PARTS, 1)
  if (count <= 1) return
  throw metadata.refuse(
    PARTS,
    `is ${count}, so the file is a part, and its name must end in -00001-of-${String(count).padStart(5, '0')}.gguf`,
  )
}

function addTensor(tensors: Map<string, Tensor>, tensor: Tensor): void {
  if (tensors.has(tensor.name)) {
    throw new UserError(`${tensor.source.name}: tensor ${printable(tensor.name)} appears twice`)
  }
  tensors.set(tensor.name, tensor)
}

const ALIGNMENT_KEY = 'general.alignment'
const DEFAULT_ALIGNMENT = 32
const MOST_ALIGNMENT = 2 ** 20

/**
 * Finds the place of every tensor of a file. Throws a UserError that names the tensor if its type is not read, its data
 * are outside the file or not aligned, or overlap another's. Shapes are in the order of molm: the row length last.
 */
function placeTensors(source: ByteSource, { metadata, tensors, end }: GgufHeader): Tensor[] {
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
