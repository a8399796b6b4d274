import type { LoadOptions } from '../api/model.js'
import { type FoundModel, resolveModel } from './finding/resolve-model.js'
import { splitName } from './packing/model-folders.js'

/** A model that an engine can load: a GGUF file is packed. */
export type PreparedModel = FoundModel & { kind: Exclude<FoundModel['kind'], 'gguf'> }

/** Finds a model as `resolveModel` does, and packs a GGUF file that has no packed copy, as `packGguf` does. */
export async function preparedModel(
  name: string,
  options: Pick<LoadOptions, 'quant' | 'threads' | 'onPacking' | 'onWarning' | 'signal'> = {},
): Promise<PreparedModel> {
  const found = await resolveModel(name, options.quant)
  if (isPrepared(found)) return found
  const { packGguf } = await import('./packing/pack-gguf.js')
  await packGguf(found.path, { ...options, quant: options.quant ?? splitName(name).quant })
  const packed = await resolveModel(name, options.quant)
  if (isPrepared(packed)) return packed
  // The file changed while it was packed.
  return preparedModel(name, options)
}

function isPrepared(found: FoundModel): found is PreparedModel {
  return found.kind !== 'gguf'
}
