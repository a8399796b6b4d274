import { joinAll, joinBytes, littleEndian } from './bytes.js'

/*
 * Files of GGUF version 3, written from the specification in ggml and from what llama.cpp's own writer does. They share
 * no code with the reader that they test.
 */

/** Kinds of metadata values, with their numbers in the file. */
const VALUE_TYPES = {
  u8: 0,
  i8: 1,
  u16: 2,
  i16: 3,
  u32: 4,
  i32: 5,
  f32: 6,
  bool: 7,
  text: 8,
  array: 9,
  u64: 10,
  i64: 11,
  f64: 12,
} as const

export type ValueType = keyof typeof VALUE_TYPES
type Scalar = number | bigint | boolean | string

/** Metadata value with its type. The values of an array have one type; an array of arrays has `GgufValue`s. */
export type GgufValue =
  | { type: Exclude<ValueType, 'array'>; value: Scalar }
  | { type: 'array'; of: ValueType; values: readonly (Scalar | GgufValue)[] }

export const text = (value: string): GgufValue => ({ type: 'text', value })
export const u32 = (value: number): GgufValue => ({ type: 'u32', value })
export const f32 = (value: number): GgufValue => ({ type: 'f32', value })
export const flag = (value: boolean): GgufValue => ({ type: 'bool', value })
export const list = (of: ValueType, values: readonly (Scalar | GgufValue)[]): GgufValue => ({
  type: 'array',
  of,
  values,
})

/** Keys and values in order. A sound file has each key once. */
export type Metadata = Iterable<readonly [string, GgufValue]>

/** Tensor of a file: bytes of its type, and its sizes in GGUF's order, the length of a row first. */
export interface GgufTensor {
  name: string
  /** ggml's number of the element type. */
  type: number
  ne: readonly number[]
  data: Uint8Array
}

/** Writes one file: the metadata in order, then the tensors, each at a multiple of the alignment. */
export function ggufFile(metadata: Metadata, tensors: readonly GgufTensor[], alignment = 32): Uint8Array {
  const pairs = [...metadata]
  const head: (Uint8Array | number[])[] = [
    [...new TextEncoder().encode('GGUF')],
    littleEndian(3, 4),
    littleEndian(tensors.length, 8),
    littleEndian(pairs.length, 8),
  ]
  for (const [key, value] of pairs) head.push(textBytes(key), typedBytes(value))
  let offset = 0
  for (const { name, type, ne, data } of tensors) {
    head.push(textBytes(name), littleEndian(ne.length, 4), ...ne.map((n) => littleEndian(n, 8)))
    head.push(littleEndian(type, 4), littleEndian(offset, 8))
    offset = aligned(offset + data.length, alignment)
  }
  const header = joinBytes(...head)
  const file = new Uint8Array(aligned(header.length, alignment) + offset)
  file.set(header)
  let at = aligned(header.length, alignment)
  for (const { data } of tensors) {
    file.set(data, at)
    at = aligned(at + data.length, alignment)
  }
  return file
}

/**
 * Writes the files of a split model as llama.cpp does: all metadata in the first one, `split.*` in each, and offsets
 * from the start of each file's own data. Names are NAME-00001-of-0000N.gguf.
 */
export function splitGguf(
  name: string,
  metadata: Metadata,
  parts: readonly (readonly GgufTensor[])[],
  alignment = 32,
): Map<string, Uint8Array> {
  const count = parts.reduce((sum, { length }) => sum + length, 0)
  const digits = (n: number) => String(n).padStart(5, '0')
  return new Map(
    parts.map((tensors, part) => {
      const split: [string, GgufValue][] = [
        ['split.no', { type: 'u16', value: part }],
        ['split.count', { type: 'u16', value: parts.length }],
        ['split.tensors.count', { type: 'i32', value: count }],
      ]
      const own = alignment === 32 || part === 0 ? [] : [['general.alignment', u32(alignment)] as const]
      const all = [...(part === 0 ? metadata : own), ...split]
      return [`${name}-${digits(part + 1)}-of-${digits(parts.length)}.gguf`, ggufFile(all, tensors, alignment)]
    }),
  )
}

function aligned(offset: number, alignment: number): number {
  return Math.ceil(offset / alignment) * alignment
}

function textBytes(value: string): Uint8Array {
  const length = Buffer.byteLength(value)
  const out = Buffer.allocUnsafe(8 + length)
  out.writeBigUInt64LE(BigInt(length))
  out.write(value, 8)
  return out
}

function typedBytes(value: GgufValue): Uint8Array {
  return joinBytes(littleEndian(VALUE_TYPES[value.type], 4), valueBytes(value))
}

function valueBytes(value: GgufValue): Uint8Array {
  if (value.type !== 'array') return scalarBytes(value.type, value.value)
  const { of, values } = value
  const items = values.map((item) => (typeof item === 'object' ? valueBytes(item) : scalarBytes(of, item)))
  return joinAll([littleEndian(VALUE_TYPES[of], 4), littleEndian(values.length, 8), ...items])
}

/** Bytes of a number, and how a view writes it. */
type NumberType = [bytes: number, write: (view: DataView, value: Exclude<Scalar, string>) => void]
const u8: NumberType = [1, (view, value) => view.setUint8(0, Number(value))]
const NUMBERS: Readonly<Record<string, NumberType>> = {
  u8,
  bool: u8,
  i8: [1, (view, value) => view.setInt8(0, Number(value))],
  u16: [2, (view, value) => view.setUint16(0, Number(value), true)],
  i16: [2, (view, value) => view.setInt16(0, Number(value), true)],
  u32: [4, (view, value) => view.setUint32(0, Number(value), true)],
  i32: [4, (view, value) => view.setInt32(0, Number(value), true)],
  f32: [4, (view, value) => view.setFloat32(0, Number(value), true)],
  f64: [8, (view, value) => view.setFloat64(0, Number(value), true)],
  u64: [8, (view, value) => view.setBigUint64(0, BigInt(value), true)],
  i64: [8, (view, value) => view.setBigInt64(0, BigInt(value), true)],
}

function scalarBytes(type: ValueType, value: Scalar): Uint8Array {
  if (type === 'text' || typeof value === 'string') return textBytes(String(value))
  if (!Object.hasOwn(NUMBERS, type)) throw new RangeError(`no bytes of one ${type}`)
  const [bytes, write] = NUMBERS[type]
  const out = new Uint8Array(bytes)
  write(new DataView(out.buffer), value)
  return out
}
