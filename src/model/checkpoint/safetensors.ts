import { UserError } from '../../ground/errors.js'
import type { ByteSource } from '../../ground/files/byte-source.js'
import { isText, valuesOf } from '../../ground/json/forms.js'
import { isObject, MOST_JSON_BYTES, parseJsonObject } from '../../ground/json/json.js'
import { printable } from '../../ground/printable.js'
import { bytesOf, ELEMENT_TYPES, isElementType } from './dtype.js'
import { LENGTH_BYTES } from './safetensors-header.js'
import { contiguousStrides, cutShort, elementCount, isSizes, shapeText, type Tensor, tensorIn } from './tensor.js'

/** Contents of a safetensors file: tensors in the order of their data, and free text about them. */
export interface Safetensors {
  tensors: Tensor[]
  metadata: Record<string, string>
}

/**
 * Reads the header of a safetensors file. The file has 8 bytes of length, JSON { name: { dtype, shape, data_offsets }
 * }, and data. As the format demands, the tensors' data must cover the rest of the file exactly, without holes or
 * overlaps. Rejects with a UserError if anything is inconsistent.
 */
export async function readSafetensors(source: ByteSource): Promise<Safetensors> {
  const header = await readHeader(source)
  const { __metadata__: metadata = {} } = header.json
  if (!valuesOf(isText)(metadata))
    throw new UserError(`${source.name}: __metadata__ in its header must hold texts only`)
  // One entry at a time, so that the first bad one ends the reading.
  const names = Object.keys(header.json).filter((name) => name !== '__metadata__')
  const placed = names.map((name) => parseEntry(source, header.end, name, header.json[name]))
  placed.sort((a, b) => a.begin - b.begin || a.end - b.end)
  checkCoverage(source, header.end, placed)
  return { tensors: placed.map((entry) => entry.tensor), metadata }
}

async function readHeader(source: ByteSource): Promise<{ json: Record<string, unknown>; end: number }> {
  if (source.size < LENGTH_BYTES) throw cutShort(source, `it has only ${source.size} bytes`)
  const prefix = await source.read(0, LENGTH_BYTES)
  const length = new DataView(prefix.buffer, prefix.byteOffset).getBigUint64(0, true)
  if (length > BigInt(MOST_JSON_BYTES)) {
    const isPossible = length <= BigInt(source.size)
    const why = isPossible ? `its header of ${length} bytes is too large to be read` : 'not a safetensors file'
    throw new UserError(`${source.name}: ${why}`)
  }
  const end = LENGTH_BYTES + Number(length)
  if (end > source.size) throw cutShort(source, `its header has ${length} bytes, the file ${source.size}`)
  const json = parseJsonObject(await source.read(LENGTH_BYTES, Number(length)), `${source.name} (header)`)
  return { json, end }
}

interface PlacedTensor {
  tensor: Tensor
  /** Range of its data, relative to the end of the header. */
  begin: number
  end: number
}

function parseEntry(source: ByteSource, dataStart: number, name: string, entry: unknown): PlacedTensor {
  const refuse = (why: string) => new UserError(`${source.name}: tensor ${printable(name)} ${why}`)
  if (!isObject(entry)) throw refuse('has no description in the header')
  const { dtype, shape, data_offsets: offsets } = entry
  if (!isElementType(dtype)) {
    throw refuse(
      `has the unknown dtype ${printable(JSON.stringify(dtype) ?? 'none')} (known: ${ELEMENT_TYPES.join(', ')})`,
    )
  }
  if (!isSizes(shape)) throw refuse('has a shape that is not a list of sizes')
  if (!isSizes(offsets) || offsets.length !== 2 || offsets[0] > offsets[1]) throw refuse('has impossible data_offsets')
  const [begin, end] = offsets
  if (dataStart + end > source.size) {
    throw cutShort(source, `tensor ${printable(name)} ends at byte ${dataStart + end}, the file at ${source.size}`)
  }
  if (end - begin !== bytesOf(dtype, elementCount(shape))) {
    throw refuse(`has ${end - begin} bytes of data, which does not fit ${dtype} ${shapeText(shape)}`)
  }
  const extent = { source, offset: dataStart + begin, bytes: end - begin }
  return { tensor: tensorIn(extent, { name, dtype, shape, strides: contiguousStrides(shape), first: 0 }), begin, end }
}

function checkCoverage(source: ByteSource, dataStart: number, sorted: readonly PlacedTensor[]): void {
  let covered = 0
  for (const { tensor, begin, end } of sorted) {
    const name = printable(tensor.name)
    if (begin < covered) throw new UserError(`${source.name}: the data of tensor ${name} overlaps another's`)
    if (begin > covered) throw new UserError(`${source.name}: there are stray bytes before the data of tensor ${name}`)
    covered = end
  }
  const stray = source.size - dataStart - covered
  if (stray > 0) throw new UserError(`${source.name}: there are ${stray} stray bytes after the last tensor`)
}
