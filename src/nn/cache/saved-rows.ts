import { UserError } from '../../errors.js'
import { CacheTensors } from './cache-tensors.js'
import { checkPositions, type SavedPositions } from './saved-positions.js'
import type { SequenceCache } from './sequence-cache.js'

/** The values of all tensors of a cache, one tensor after the other. */
export function exportRows(cache: SequenceCache): Float32Array {
  const { contents } = cache
  const floats = new Float32Array(contents.size)
  let at = 0
  for (const [tensor, { rows, channels }] of contents.list.entries()) {
    contents.read(tensor, 0, rows, floats.subarray(at, at + rows * channels))
    at += rows * channels
  }
  return floats
}

/**
 * Writes the `exportRows` of a cache of the same shape to an empty one. Throws a UserError if they do not make up the
 * saved positions.
 */
export function importRows(cache: SequenceCache, floats: Float32Array, saved: SavedPositions): void {
  checkSize(cache, floats.length, saved)
  const contents = cache.prepareFor(saved)
  let at = 0
  for (const [tensor, { rows, channels }] of contents.list.entries()) {
    contents.write(tensor, 0, rows, floats.subarray(at, at + rows * channels))
    at += rows * channels
  }
  cache.complete(contents)
}

function checkSize(cache: SequenceCache, floats: number, saved: SavedPositions): void {
  checkPositions(saved, cache.needsCheckpoints)
  const contents = new CacheTensors(cache, saved)
  if (floats === contents.size) return
  const channels = contents.list.reduce((sum, tensor) => sum + tensor.channels, 0)
  if (!cache.needsCheckpoints && !Number.isInteger(floats / channels)) {
    throw new UserError('the saved cache belongs to another model: its size does not match')
  }
  throw new UserError('the saved cache does not fit its tokens')
}
