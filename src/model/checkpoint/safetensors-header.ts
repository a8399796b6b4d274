import { bytesOf, type ElementType } from './dtype.js'
import { elementCount } from './tensor.js'

/** Bytes in front of the JSON: its length as a 64-bit integer. */
export const LENGTH_BYTES = 8

export interface WrittenTensor {
  name: string
  dtype: ElementType
  shape: readonly number[]
}

/**
 * The beginning of a safetensors file: the length of the JSON, and the JSON with spaces up to a multiple of `alignment`
 * bytes, which the format allows. The data of the tensors follow in their order, without gaps.
 */
export function safetensorsHeader(
  tensors: readonly WrittenTensor[],
  metadata: Readonly<Record<string, string>>,
  alignment = 8,
): Uint8Array {
  const entries: Record<string, unknown> = { __metadata__: metadata }
  let end = 0
  for (const { name, dtype, shape } of tensors) {
    const begin = end
    end += bytesOf(dtype, elementCount(shape))
    entries[name] = { dtype, shape, data_offsets: [begin, end] }
  }
  const json = new TextEncoder().encode(JSON.stringify(entries))
  const length = Math.ceil((LENGTH_BYTES + json.length) / alignment) * alignment
  const header = new Uint8Array(length).fill(0x20)
  header.set(json, LENGTH_BYTES)
  new DataView(header.buffer).setBigUint64(0, BigInt(length - LENGTH_BYTES), true)
  return header
}
