import { blockOf, bytesOf, type DType, isBlockType } from '#molm/model/checkpoint/dtype.js'
import { elementCount, readSpan, type Tensor } from '#molm/model/checkpoint/tensor.js'
import { decodeBlock } from './block-decoder.js'
import { elementReader } from './element-values.js'

/** Reads a whole tensor as float32 in logical row-major order, whatever its strides. */
export async function readFloats(t: Tensor): Promise<Float32Array> {
  const out = new Float32Array(elementCount(t.shape))
  gather(inBlocks(t), await readSpan(t), out)
  return out
}

/** A tensor of a block type with a dimension for its blocks. */
function inBlocks(t: Tensor): Tensor {
  if (!isBlockType(t.dtype)) return t
  const { elements } = blockOf(t.dtype)
  const [shape, strides] = [t.shape.slice(0, -1), t.strides.slice(0, -1)]
  const blocks = (t.shape.at(-1) ?? 0) / elements
  return { ...t, shape: [...shape, blocks, elements], strides: [...strides, elements, 1] }
}

/**
 * Writes a tensor's elements to `out`, in row-major order. `bytes` are its span's bytes. The last dimension of a block
 * type is a block.
 */
function gather({ dtype, shape, strides }: Tensor, bytes: Uint8Array, out: Float32Array): void {
  let at = 0
  const { read, depth } = blockReader(dtype, bytes, out, shape.length)
  const steps = strides.slice(0, depth).map((stride) => bytesOf(dtype, stride))
  const { elements } = blockOf(dtype)
  const visit = (dim: number, offset: number): void => {
    if (dim === depth) {
      read(offset, at)
      at += elements
      return
    }
    for (let i = 0; i < shape[dim]; i++) visit(dim + 1, offset + i * steps[dim])
  }
  if (elementCount(shape) > 0) visit(0, 0)
}

interface BlockReader {
  /** Writes the block or element at a byte to `out`. */
  read: (offset: number, at: number) => void
  /** Dimensions around a block. */
  depth: number
}

function blockReader(dtype: DType, bytes: Uint8Array, out: Float32Array, dimensions: number): BlockReader {
  if (isBlockType(dtype)) {
    return { read: (offset, at) => decodeBlock(dtype, bytes, offset, out, at), depth: dimensions - 1 }
  }
  const element = elementReader(dtype, bytes)
  const read = (offset: number, at: number) => {
    out[at] = element(offset)
  }
  return { read, depth: dimensions }
}
