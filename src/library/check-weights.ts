import { blueprintOf } from '../architectures/index.js'
import { openCheckpoint } from '../checkpoint/checkpoint.js'
import { localFolder } from '../checkpoint/local-folder.js'
import { checkParts } from '../packing/format/packed-file.js'
import { checkTensors } from '../packing/write/check-tensors.js'
import type { FoundModel } from './resolve-model.js'

/**
 * Compares what a model's config.json promises with the headers of its weights, which are not read themselves. Rejects
 * with a UserError that names the first tensor or part which is missing or of another shape.
 */
export async function checkWeights({ path, config, file }: FoundModel): Promise<void> {
  if (file) return checkParts(file, blueprintOf(config))
  const checkpoint = await openCheckpoint(localFolder(path))
  try {
    checkTensors(blueprintOf(config), checkpoint.tensors, checkpoint.name)
  } finally {
    await checkpoint.close()
  }
}
