import os from 'node:os'
import type { LoadOptions, Model } from '../api/model.js'
import type { PreparedModel } from './files/model-files.js'
import { shippedPacking } from './files/shipped-packing.js'
import { preparedModel } from './finding/resolve-model.js'
import { availableMemory, MARGIN } from './machine/memory.js'
import { checkLoadOptions } from './packing/load-options.js'
import { startModel } from './start-model.js'

/**
 * Loads a model by name, folder, packed file or GGUF file, and starts its engine, which runs on its own threads. A
 * GGUF file is packed first, once (docs/MODELS.md). Rejects with a UserError if there is no such model, or if it is
 * incomplete.
 */
export async function loadModel(name = 'nano', options: LoadOptions = {}): Promise<Model> {
  checkLoadOptions(options)
  return startHere(await preparedModel(name, options), options)
}

/** Starts the engine of a model that may take `free` bytes of this machine's memory. */
export async function startHere(
  prepared: PreparedModel,
  options: LoadOptions,
  free: number = availableMemory(),
): Promise<Model> {
  const packing = await shippedPacking(prepared)
  return startModel(prepared, options, { free, margin: MARGIN, threads: os.availableParallelism(), packing })
}
