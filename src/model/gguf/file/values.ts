import { UserError } from '../../../ground/errors.js'
import type { ByteCursor } from '../../checkpoint/byte-cursor.js'

/** Scalars by their types: bytes, and the method of a DataView that reads one. */
const SCALARS = {
  uint8: [1, 'getUint8'],
  int8: [1, 'getInt8'],
  uint16: [2, 'getUint16'],
  int16: [2, 'getInt16'],
  uint32: [4, 'getUint32'],
  int32: [4, 'getInt32'],
  float32: [4, 'getFloat32'],
  bool: [1, 'getUint8'],
  uint64: [8, 'getBigUint64'],
  int64: [8, 'getBigInt64'],
  float64: [8, 'getFloat64'],
} as const

export type ScalarType = keyof typeof SCALARS
export type ValueType = ScalarType | 'string' | 'array'

/** Types of metadata values, by their numbers in the file. */
const VALUE_TYPES: readonly ValueType[] = [
  ...(['uint8', 'int8', 'uint16', 'int16', 'uint32', 'int32', 'float32', 'bool', 'string', 'array'] as const),
  ...(['uint64', 'int64', 'float64'] as const),
]

export function scalarBytes(type: ScalarType): number {
  return SCALARS[type][0]
}

/** Place of a value in the bytes of a header. */
export interface StoredValue {
  type: ValueType
  /** First byte of a scalar, of the length of a string, or of the first element of an array. */
  at: number
  elements?: { type: ValueType; count: number }
}

/** Maximum depth of arrays in arrays. Known keys have none. */
const DEEPEST_ARRAYS = 4

/** Finds the next value and moves past it. Throws EndOfBytes, or a UserError that names `key` if it is unsupported. */
export function passValue(cursor: ByteCursor, type: ValueType, key: string, depth = 0): StoredValue {
  const at = cursor.at
  if (type === 'string') cursor.take(cursor.u64())
  else if (type !== 'array') cursor.take(scalarBytes(type))
  else return passArray(cursor, key, depth)
  return { type, at }
}

function passArray(cursor: ByteCursor, key: string, depth: number): StoredValue {
  if (depth === DEEPEST_ARRAYS) throw new UserError(`${key} has arrays nested more than ${DEEPEST_ARRAYS} deep`)
  const type = valueType(cursor.u32(), key)
  const count = cursor.u64()
  const at = cursor.at
  if (type === 'string' || type === 'array') {
    for (let i = 0; i < count; i++) passValue(cursor, type, key, depth + 1)
  } else {
    cursor.take(count * scalarBytes(type))
  }
  return { type: 'array', at, elements: { type, count } }
}

/** Name of a value's type. Throws a UserError if there is none of this number. */
export function valueType(number: number, key: string): ValueType {
  if (number in VALUE_TYPES) return VALUE_TYPES[number]
  throw new UserError(`${key} has a value of the unknown type ${number}`)
}

/** Returns a function from a byte offset to the scalar there, a bigint for 64-bit integers. */
export function scalarReader(bytes: Uint8Array, type: ScalarType): (at: number) => number | bigint | boolean {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const [, read] = SCALARS[type]
  return type === 'bool' ? (at) => view[read](at, true) !== 0 : (at) => view[read](at, true)
}
