import { UserError } from '../../ground/errors.js'
import type { ByteSource } from '../../ground/files/byte-source.js'
import { isCount, listOf } from '../../ground/json/forms.js'
import { printable } from '../../ground/printable.js'
import { blockOf, bytesOf, type DType, isBlockType } from './dtype.js'

export type { DType } from './dtype.js'

/**
 * A tensor in its file: the places of its elements, not their values. In a tensor of a block type each row, that is its
 * last dimension, is a run of whole blocks, and no view cuts one.
 */
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
  offset: number
  bytes: number
}

/** Maximum dimensions of a tensor, as in PyTorch. */
const MOST_DIMENSIONS = 64

/** A tensor in an extent of a file. Throws a UserError if an element would be outside, so that no read can leave it. */
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
  if (!holdsWholeBlocks(dtype, shape, strides, first)) {
    throw refuse(`of type ${dtype} has rows that are no whole blocks of ${blockOf(dtype).elements} neighbours`)
  }
  const end = bytesOf(dtype, first + lastElement(shape, strides) + 1)
  if (!(end <= extent.bytes)) {
    throw refuse(`reaches ${end} bytes into a storage of ${extent.bytes}: the file is damaged, fetch it again`)
  }
  return { name, dtype, shape, strides, source: extent.source, offset: extent.offset + bytesOf(dtype, first) }
}

/** Whether each row is a run of whole blocks; true of single elements in any place. */
function holdsWholeBlocks(dtype: DType, shape: readonly number[], strides: readonly number[], first: number): boolean {
  if (!isBlockType(dtype)) return true
  const { elements } = blockOf(dtype)
  return strides.at(-1) === 1 && [first, shape.at(-1) ?? 0, ...strides.slice(0, -1)].every((n) => n % elements === 0)
}

/** Whether a value from a file is a list of sizes or strides. */
export const isSizes = listOf(isCount, { most: MOST_DIMENSIONS })

/** Formats a shape for a message: `[2, 3]`. Of many dimensions only the first are shown. */
export function shapeText(shape: readonly number[]): string {
  const more = shape.length > SHOWN_DIMENSIONS ? `, ... ${shape.length} dimensions` : ''
  return `[${shape.slice(0, SHOWN_DIMENSIONS).join(', ')}${more}]`
}

const SHOWN_DIMENSIONS = 6

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
  if (dim === t.shape.length - 1) refuseBlocks(t, 'gives no single elements')
  return {
    ...t,
    shape: t.shape.toSpliced(dim, 1),
    strides: t.strides.toSpliced(dim, 1),
    offset: t.offset + bytesOf(t.dtype, index * t.strides[dim]),
  }
}

/** Throws a UserError if a tensor has a block type. */
function refuseBlocks(t: Tensor, why: string): void {
  if (!isBlockType(t.dtype)) return
  throw new UserError(`${t.source.name}: tensor ${printable(t.name)} is stored in blocks of ${t.dtype}, and ${why}`)
}

/** Exchanges the dimensions of a 2-D tensor. Rows of blocks become columns, which must stay whole. */
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
  if (t.shape.length === 1) refuseBlocks(t, 'gives no single elements')
  const shape = [Math.ceil((t.shape[0] - first) / 2), ...t.shape.slice(1)]
  const strides = [2 * t.strides[0], ...t.strides.slice(1)]
  return { ...t, shape, strides, offset: t.offset + bytesOf(t.dtype, first * t.strides[0]) }
}

/** Returns the indices [from, to) of the first dimension. */
export function rows(t: Tensor, from: number, to: number): Tensor {
  if (!(from >= 0 && from <= to && to <= t.shape[0])) throw new RangeError(`${t.name}: no rows ${from} to ${to}`)
  const shape = [to - from, ...t.shape.slice(1)]
  if (t.shape.length === 1 && [from, to].some((n) => n % blockOf(t.dtype).elements > 0)) {
    refuseBlocks(t, `cannot be cut at ${from} and ${to}`)
  }
  return { ...t, shape, offset: from < to ? t.offset + bytesOf(t.dtype, from * t.strides[0]) : t.offset }
}

/** Range of bytes in the source that covers every element, gaps included. Empty for a tensor without elements. */
export function span(t: Tensor): { start: number; end: number } {
  if (elementCount(t.shape) === 0) return { start: t.offset, end: t.offset }
  return { start: t.offset, end: t.offset + bytesOf(t.dtype, lastElement(t.shape, t.strides) + 1) }
}

/** Reads the bytes of span(t), which begin with element [0, ..., 0]. Rejects with a UserError if some are missing. */
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

/** Distance in elements from the first element to the farthest one. */
function lastElement(shape: readonly number[], strides: readonly number[]): number {
  return shape.reduce((sum, n, dim) => sum + (n - 1) * strides[dim], 0)
}

/** Error of a file that ends too early. */
export function cutShort(source: ByteSource, why: string): UserError {
  return new UserError(`${source.name}: the file is cut short (${why}); fetch it again`)
}
