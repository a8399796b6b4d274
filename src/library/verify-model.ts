import type { LoadOptions } from '../api/model.js'
import { blueprintOf } from '../architectures/index.js'
import { openCheckpoint } from '../checkpoint/checkpoint.js'
import { localFolder } from '../checkpoint/local-folder.js'
import { UserError } from '../errors.js'
import { verifyChecksums } from '../packing/format/checksums.js'
import { checkParts } from '../packing/format/packed-file.js'
import { checkTensors } from '../packing/write/check-tensors.js'
import { type FoundModel, resolveModel } from './resolve-model.js'

/**
 * Reads a whole packed model and compares every part with its checksum from the packing. Rejects with a UserError that
 * names the part which differs, or if the model is not packed and thus has no checksums.
 */
export async function verifyModel(
  name: string,
  options: Pick<LoadOptions, 'quant' | 'signal'> = {},
): Promise<{ path: string; parts: number; bytes: number }> {
  const { path, kind, file, config } = await resolveModel(name, options.quant)
  if (!file) {
    const what = kind === 'gguf' ? 'a GGUF file that is not packed yet' : 'a checkpoint'
    throw new UserError(`${path}: ${what} has no checksums of its own; only packed models can be verified`)
  }
  checkParts(file, blueprintOf(config))
  await verifyChecksums(file, options.signal)
  const bytes = [...file.parts.values()].reduce((sum, part) => sum + part.bytes, 0)
  return { path, parts: file.parts.size, bytes }
}

/**
 * Compares a model's config.json with the headers of its weights; does not read the weights themselves. Rejects with a
 * UserError that names the first tensor or part which is missing or has another shape.
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
