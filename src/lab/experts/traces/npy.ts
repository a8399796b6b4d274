import { UserError } from '../../../ground/errors.js'
import { printable } from '../../../ground/printable.js'

/** An array of expert ids, [tokens, layers, k]. */
export interface RoutedArray {
  tokens: number
  layers: number
  k: number
  /** All ids, token by token. */
  ids: ArrayLike<number>
}

const NPY_MAGIC = Uint8Array.of(0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59)

const TYPES = {
  u1: Uint8Array,
  i1: Int8Array,
  u2: Uint16Array,
  i2: Int16Array,
  u4: Uint32Array,
  i4: Int32Array,
  u8: BigUint64Array,
  i8: BigInt64Array,
} as const
/** Longest header, which names the type and the shape. */
const LONGEST_HEADER = 4096

/** Reads an array of expert ids in NumPy's format. `place` begins the message of the UserError that it throws. */
export function readNpy(bytes: Uint8Array, place: string): RoutedArray {
  const fail = (what: string): never => {
    throw new UserError(`${place}: ${what}`)
  }
  const version = bytes[6]
  const lengthBytes = version === 1 ? 2 : 4
  if (!NPY_MAGIC.every((byte, i) => bytes[i] === byte) || ![1, 2, 3].includes(version)) {
    fail('not an array in the .npy format')
  }
  const start = 8 + lengthBytes
  if (bytes.length < start) fail('the .npy array is cut off')
  const view = new DataView(bytes.buffer, bytes.byteOffset)
  const length = lengthBytes === 2 ? view.getUint16(8, true) : view.getUint32(8, true)
  if (length > LONGEST_HEADER || start + length > bytes.length) fail('the header of the .npy array is damaged')
  const header = new TextDecoder('latin1').decode(bytes.subarray(start, start + length))
  const [, type = ''] = /'descr':\s*'([^']*)'/.exec(header) ?? []
  const [, shapeText = ''] = /'shape':\s*\(([^)]*)\)/.exec(header) ?? []
  const shape = shapeText
    .split(',')
    .filter((part) => part.trim() !== '')
    .map(Number)
  if (/'fortran_order':\s*True/.test(header)) fail('the .npy array is in Fortran order; C order is read')
  return arrayOf(bytes.subarray(start + length), type, shape, place)
}

function arrayOf(data: Uint8Array, type: string, shape: readonly number[], place: string): RoutedArray {
  const [, code] = /^[<|=]?([ui][1248])$/.exec(type) ?? []
  const Type = TYPES[code as keyof typeof TYPES]
  const shown = `(${shape.join(', ')})`
  if (!Type) throw new UserError(`${place}: ids of type '${printable(type)}'; integers of 8 to 64 bits are read`)
  if (shape.length !== 3 || !shape.every((size) => Number.isSafeInteger(size) && size > 0)) {
    throw new UserError(`${place}: the shape of the ids must be (tokens, layers, experts of a token), not ${shown}`)
  }
  const [tokens, layers, k] = shape
  if (tokens * layers * k * Type.BYTES_PER_ELEMENT !== data.length) {
    throw new UserError(`${place}: ${data.length} bytes of ids do not have the shape ${shown}`)
  }
  const ids = new Type(new Uint8Array(data).buffer)
  const isWide = ids instanceof BigInt64Array || ids instanceof BigUint64Array
  return { tokens, layers, k, ids: isWide ? Float64Array.from(ids, Number) : ids }
}
