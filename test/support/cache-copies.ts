import type { CacheFormat } from '#molm/kernels/memory/formats.js'
import type { RowNumbers } from '#molm/model/layers/cache/number-grid.js'
import type { SavedPositions } from '#molm/model/layers/cache/saved-positions.js'
import type { SequenceCache } from '#molm/model/layers/cache/sequence-cache.js'

/** All that a cache holds: the values of its tensors, in their formats. */
export interface CacheCopy {
  saved: SavedPositions
  tensors: RowNumbers[]
}

const ARRAYS = { f32: Float32Array, bf16: Uint16Array, q8: Int8Array } as const satisfies Record<CacheFormat, unknown>

/** Reads all tensors of a cache. */
export function copyOf({ contents }: SequenceCache): CacheCopy {
  const tensors = contents.list.map(({ format, rows, channels }, tensor) => {
    const values = new ARRAYS[format](rows * channels)
    contents.read(tensor, 0, rows, values)
    return values
  })
  return { saved: contents.saved, tensors }
}

/** Writes a copy to an empty cache of the same shape. */
export function putInto(cache: SequenceCache, { saved, tensors }: CacheCopy): void {
  const contents = cache.prepareFor(saved)
  for (const [tensor, { rows }] of contents.list.entries()) contents.write(tensor, 0, rows, tensors[tensor])
  cache.complete(contents)
}

/** The values of all tensors, one tensor after the other. */
export function valuesIn(cache: SequenceCache): Float32Array {
  const { tensors } = copyOf(cache)
  const all = new Float32Array(tensors.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const values of tensors) {
    all.set(values instanceof Uint16Array ? widened(values) : values, at)
    at += values.length
  }
  return all
}

/** Numbers in bfloat16 as floats. */
function widened(numbers: Uint16Array): Float32Array {
  return new Float32Array(Uint32Array.from(numbers, (bits) => bits << 16).buffer)
}
