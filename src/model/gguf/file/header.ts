import { UserError } from '../../../ground/errors.js'
import type { ByteSource } from '../../../ground/files/byte-source.js'
import { printable } from '../../../ground/printable.js'
import { ByteCursor, EndOfBytes } from '../../checkpoint/byte-cursor.js'
import { GgufMetadata } from './metadata.js'
import { MAGIC } from './split-names.js'
import { passValue, type StoredValue, valueType } from './values.js'

export interface TensorInfo {
  name: string
  /** Sizes in GGUF's order: the length of a row first. */
  sizes: number[]
  type: number
  /** First byte of its data, from the start of the data section. */
  offset: number
}

export interface GgufHeader {
  metadata: GgufMetadata
  tensors: TensorInfo[]
  /** First byte after the header. The data section begins at the next multiple of the alignment. */
  end: number
}

/** Bytes that are read first, and the factor for each further read. The header's length is not known in advance. */
const FIRST_BYTES = 2 ** 20
const GROWTH = 2

/** Maximum bytes of a header. The largest vocabularies take some 20 MB. */
const MOST_HEADER_BYTES = 2 ** 26
/** Maximum keys of the metadata; files have some 50. */
const MOST_KEYS = 2 ** 16
/** Maximum tensors; files have some thousand, old ones one for each matrix of an expert. */
const MOST_TENSORS = 2 ** 17
/** Maximum bytes of a key or of a tensor's name, as in ggml. */
const MOST_NAME_BYTES = 2 ** 16 - 1
const MOST_DIMENSIONS = 4

/** The first bytes of every GGUF file. */
const VERSIONS = [2, 3]
/** Version 3 of a big-endian file, read as little-endian. */
const SWAPPED_VERSIONS = [1, 2, 3].map((version) => version * 2 ** 24)
/** Bytes of magic, version and the two counts. */
const FIXED_BYTES = 24

/** Reads the header of a GGUF file. Rejects with a UserError that names the file if it is damaged or unsupported. */
export async function readHeader(source: ByteSource): Promise<GgufHeader> {
  const most = Math.min(source.size, MOST_HEADER_BYTES)
  let bytes = await source.read(0, Math.min(most, FIRST_BYTES))
  checkStart(bytes, source.name)
  for (;;) {
    try {
      return parse(bytes, source.name)
    } catch (error) {
      if (!(error instanceof EndOfBytes)) throw error
      if (bytes.length === source.size) throw cutShort(source.name)
      if (bytes.length === most) {
        throw new UserError(`${source.name}: its header has more than ${most} bytes, which is too large to be read`)
      }
    }
    const longer = new Uint8Array(Math.min(most, bytes.length * GROWTH))
    longer.set(bytes)
    longer.set(await source.read(bytes.length, longer.length - bytes.length), bytes.length)
    bytes = longer
  }
}

function checkStart(bytes: Uint8Array, name: string): void {
  const start = new TextDecoder('latin1').decode(bytes.subarray(0, FIXED_BYTES))
  if (start.startsWith('version https://git-lfs')) {
    throw new UserError(`${name}: a Git LFS pointer, not the weights themselves; fetch them with: git lfs pull`)
  }
  if (!start.startsWith(MAGIC)) throw new UserError(`${name}: not a GGUF file: it does not begin with ${MAGIC}`)
  if (bytes.length < FIXED_BYTES) throw cutShort(name)
  const version = new ByteCursor(bytes, MAGIC.length).u32()
  if (VERSIONS.includes(version)) return
  if (SWAPPED_VERSIONS.includes(version)) {
    throw new UserError(`${name}: a big-endian GGUF file; molm reads little-endian ones`)
  }
  throw new UserError(`${name}: GGUF of version ${version}, and molm reads versions ${VERSIONS.join(' and ')}`)
}

/** Parses a header from the first bytes of a file. Throws EndOfBytes if it is longer than these. */
function parse(bytes: Uint8Array, name: string): GgufHeader {
  const cursor = new ByteCursor(bytes, MAGIC.length + 4)
  const [tensorCount, keyCount] = [cursor.u64(), cursor.u64()]
  checkCount(name, tensorCount, MOST_TENSORS, 'tensors')
  checkCount(name, keyCount, MOST_KEYS, 'keys')
  const values = readValues(cursor, keyCount, name)
  const tensors: TensorInfo[] = []
  for (let i = 0; i < tensorCount; i++) tensors.push(readTensorInfo(cursor, name))
  const end = cursor.at
  return { metadata: new GgufMetadata(name, bytes.slice(0, end), values), tensors, end }
}

function readValues(cursor: ByteCursor, count: number, name: string): Map<string, StoredValue> {
  const values = new Map<string, StoredValue>()
  for (let i = 0; i < count; i++) {
    const key = readName(cursor, `${name}: a key of its metadata`)
    const about = `${name}: ${printable(key)}`
    if (values.has(key)) throw new UserError(`${about} appears twice in its metadata`)
    values.set(key, passValue(cursor, valueType(cursor.u32(), about), about))
  }
  return values
}

function readTensorInfo(cursor: ByteCursor, file: string): TensorInfo {
  const name = readName(cursor, `${file}: the name of a tensor`)
  const dimensions = cursor.u32()
  if (dimensions > MOST_DIMENSIONS) {
    throw new UserError(
      `${file}: tensor ${printable(name)} has ${dimensions} dimensions, at most ${MOST_DIMENSIONS} are read`,
    )
  }
  const sizes: number[] = []
  for (let i = 0; i < dimensions; i++) sizes.push(cursor.u64())
  return { name, sizes, type: cursor.u32(), offset: cursor.u64() }
}

function readName(cursor: ByteCursor, what: string): string {
  const length = cursor.u64()
  if (length > MOST_NAME_BYTES) throw new UserError(`${what} has ${length} bytes: the file is damaged, fetch it again`)
  return cursor.text(length)
}

function checkCount(file: string, count: number, most: number, what: string): void {
  if (count > most) throw new UserError(`${file}: has ${count} ${what}, at most ${most} are read`)
}

function cutShort(name: string): UserError {
  return new UserError(`${name}: the file is cut short within its header; fetch it again`)
}
