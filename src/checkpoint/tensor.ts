import { UserError } from '../errors.js'
import { printable } from '../printable.js'
import type { ByteSource } from './byte-source.js'
import { DTYPE_BYTES, type DType, elementReader } from './dtype.js'

export type { DType } from './dtype.js'

/** A tensor in its file: the places of its elements, not their values. */
export interface Tensor {
  name: string
  dtype: DType
  shape: number[]
  /** Steps from one index to the next along each dimension, in elements. 0 repeats the same element. */
  strides: number[]
  source: ByteSource
  /** Byte offset in the source of element [0, ..., 0]. */
  offset: number
}

/** Range of bytes in a source that tensors view: a tensor's own data, or a storage that several share. */
export interface Extent {
  source: ByteSource
  /** First byte in the source. */
  offset: number
  bytes: number
}

/** Maximum dimensions of a tensor, as in PyTorch. */
const MOST_DIMENSIONS = 64

/** Bytes of a source that are held at once while a tensor is converted. */
const PIECE_BYTES = 16 * 2 ** 20

/**
 * Maximum elements that `readFloats` converts in one call. A stride of 0 lets a tiny file describe a tensor of any
 * size.
 */
export const MOST_FLOATS = 2 ** 28

/**
 * Returns a tensor in an extent of a file; its first element is `first` elements after the start. Throws a UserError if
 * the numbers make no sense or an element would be outside the extent, so that no later read can leave it.
 */
export function tensorIn(
  extent: Extent,
  view: { name: string; dtype: DType; shape: number[]; strides: number[]; first: number },
): Tensor {
  const { name, dtype, shape, strides, first } = view
  const refuse = (why: string) => new UserError(`${extent.source.name}: tensor ${printable(name)} ${why}`)
  if (strides.length !== shape.length) throw refuse(`has ${shape.length} dimensions but ${strides.length} strides`)
  if (!isSizes([first]) || !isSizes(shape) || !isSizes(strides)) throw refuse('has an impossible size or stride')
  const count = elementCount(shape)
  if (!Number.isSafeInteger(count)) throw refuse(`has the impossible shape ${shapeText(shape)}`)
  if (count === 0) return { name, dtype, shape, strides, source: extent.source, offset: extent.offset }
  const end = (first + lastElement(shape, strides) + 1) * DTYPE_BYTES[dtype]
  if (!(end <= extent.bytes)) {
    throw refuse(`reaches ${end} bytes into a storage of ${extent.bytes}: the file is damaged, fetch it again`)
  }
  return { name, dtype, shape, strides, source: extent.source, offset: extent.offset + first * DTYPE_BYTES[dtype] }
}

/** Whether a value from a file is a list of sizes or strides. */
export function isSizes(value: unknown): value is number[] {
  return (
    Array.isArray(value) && value.length <= MOST_DIMENSIONS && value.every((n) => Number.isSafeInteger(n) && n >= 0)
  )
}

/** Formats a shape for a message: `[2, 3]`. Of many dimensions only the first are shown. */
export function shapeText(shape: readonly number[]): string {
  const more = shape.length > SHOWN_DIMENSIONS ? `, ... ${shape.length} dimensions` : ''
  return `[${shape.slice(0, SHOWN_DIMENSIONS).join(', ')}${more}]`
}

const SHOWN_DIMENSIONS = 6

/** Number of elements of a shape; 1 for a scalar. */
export function elementCount(shape: readonly number[]): number {
  return shape.includes(0) ? 0 : shape.reduce((product, n) => product * n, 1)
}

/** Strides of a row-major tensor without gaps. */
export function contiguousStrides(shape: readonly number[]): number[] {
  const strides = new Array<number>(shape.length)
  let stride = 1
  for (let dim = shape.length - 1; dim >= 0; dim--) {
    strides[dim] = stride
    stride *= shape[dim]
  }
  return strides
}

/** Returns the part of a tensor at one index of a dimension, without that dimension. */
export function select(t: Tensor, dim: number, index: number): Tensor {
  if (!(index >= 0 && index < t.shape[dim])) throw new RangeError(`${t.name}: no index ${index} in dimension ${dim}`)
  return {
    ...t,
    shape: t.shape.toSpliced(dim, 1),
    strides: t.strides.toSpliced(dim, 1),
    offset: t.offset + index * t.strides[dim] * DTYPE_BYTES[t.dtype],
  }
}

/** Exchanges the dimensions of a 2-D tensor. */
export function transpose(t: Tensor): Tensor {
  if (t.shape.length !== 2) throw new RangeError(`${t.name}: only 2-D tensors are transposed`)
  return { ...t, shape: t.shape.toReversed(), strides: t.strides.toReversed() }
}

/** Joins the last two dimensions into one. Throws a UserError if their elements are not neighbours in the file. */
export function joinLast(t: Tensor): Tensor {
  const [count, size] = t.shape.slice(-2)
  const [step, stride] = t.strides.slice(-2)
  if (stride !== 1 || step !== size) {
    throw new UserError(`${t.source.name}: tensor ${printable(t.name)} is not stored row after row`)
  }
  return { ...t, shape: [...t.shape.slice(0, -2), count * size], strides: [...t.strides.slice(0, -2), 1] }
}

/** Returns every other index of the first dimension, from `first` on. */
export function everySecond(t: Tensor, first: 0 | 1): Tensor {
  const shape = [Math.ceil((t.shape[0] - first) / 2), ...t.shape.slice(1)]
  const strides = [2 * t.strides[0], ...t.strides.slice(1)]
  return { ...t, shape, strides, offset: t.offset + first * t.strides[0] * DTYPE_BYTES[t.dtype] }
}

/** Returns the indices [from, to) of the first dimension. */
export function rows(t: Tensor, from: number, to: number): Tensor {
  if (!(from >= 0 && from <= to && to <= t.shape[0])) throw new RangeError(`${t.name}: no rows ${from} to ${to}`)
  const shape = [to - from, ...t.shape.slice(1)]
  return { ...t, shape, offset: from < to ? t.offset + from * t.strides[0] * DTYPE_BYTES[t.dtype] : t.offset }
}

/** Range of bytes in the source that covers every element, gaps included. Empty for a tensor without elements. */
export function span(t: Tensor): { start: number; end: number } {
  if (elementCount(t.shape) === 0) return { start: t.offset, end: t.offset }
  return { start: t.offset, end: t.offset + (lastElement(t.shape, t.strides) + 1) * DTYPE_BYTES[t.dtype] }
}

/**
 * Reads the bytes of span(t): element [0, ..., 0] is at byte 0. Rejects with a UserError if they cannot all be read.
 */
export async function readSpan(t: Tensor): Promise<Uint8Array> {
  const { start, end } = span(t)
  if (start === end) return new Uint8Array(0)
  const bytes = await t.source.read(start, end - start)
  if (bytes.length !== end - start) {
    throw new UserError(
      `${t.source.name}: ends within tensor ${printable(t.name)}: the file is cut short, fetch it again`,
    )
  }
  return bytes
}

/** Reads a whole tensor as float32 in logical row-major order, whatever its strides. At most MOST_FLOATS elements. */
export async function readFloats(t: Tensor): Promise<Float32Array> {
  const count = elementCount(t.shape)
  if (count > MOST_FLOATS) {
    throw new UserError(
      `${t.source.name}: tensor ${printable(t.name)} is too large to be read at once (${count} elements)`,
    )
  }
  const out = new Float32Array(count)
  let done = 0
  for (const piece of pieces(t)) {
    gather(piece, await readSpan(piece), out, done)
    done += elementCount(piece.shape)
  }
  return out
}

/** Distance in elements from the first element to the farthest one. */
function lastElement(shape: readonly number[], strides: readonly number[]): number {
  return shape.reduce((sum, n, dim) => sum + (n - 1) * strides[dim], 0)
}

/**
 * Divides a tensor along its first dimensions into pieces of about PIECE_BYTES, in logical order, if that dimension has
 * the largest stride. In other cases (a transposed matrix) each piece would cover the whole tensor again.
 */
function* pieces(t: Tensor): Generator<Tensor> {
  const { start, end } = span(t)
  const isOutermost =
    t.shape.length > 0 && t.strides[0] > 0 && t.strides.every((s, d) => s <= t.strides[0] || t.shape[d] < 2)
  if (end - start <= PIECE_BYTES || !isOutermost) {
    yield t
    return
  }
  const rowSpan = span(select(t, 0, 0))
  const rowBytes = rowSpan.end - rowSpan.start
  const step = t.strides[0] * DTYPE_BYTES[t.dtype]
  const rowsAtOnce = Math.floor((PIECE_BYTES - rowBytes) / step) + 1
  if (rowBytes > PIECE_BYTES) {
    for (let row = 0; row < t.shape[0]; row++) yield* pieces(select(t, 0, row))
  } else {
    for (let row = 0; row < t.shape[0]; row += rowsAtOnce) yield rows(t, row, Math.min(row + rowsAtOnce, t.shape[0]))
  }
}

/** Writes a tensor's elements to `out` from index `at` on, in row-major order. `bytes` are those of its span. */
function gather(t: Tensor, bytes: Uint8Array, out: Float32Array, at: number): void {
  const { shape, strides } = t
  const size = DTYPE_BYTES[t.dtype]
  const element = elementReader(t.dtype, bytes)
  const visit = (dim: number, offset: number): void => {
    if (dim === shape.length) {
      out[at++] = element(offset)
      return
    }
    const step = strides[dim] * size
    for (let i = 0; i < shape[dim]; i++) visit(dim + 1, offset + i * step)
  }
  if (elementCount(shape) > 0) visit(0, 0)
}
