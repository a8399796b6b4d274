import type { LoadOptions, Model, ModelInfo } from '../api/model.js'
import { UserError } from '../ground/errors.js'
import { blueprintOf } from '../model/families/index.js'
import { verifyChecksums } from '../model/packing/format/checksums.js'
import { checkParts } from '../model/packing/format/packed-file.js'
import { checkWeights } from './files/weights.js'
import { preparedModel, resolveModel } from './finding/resolve-model.js'
import { splitName } from './folders/model-folders.js'

/** Describes a model without starting an engine or reading its weights. A GGUF file is not packed for it. */
export async function describeModel(
  name: string,
  options: Pick<LoadOptions, 'quant' | 'expertsPerToken'> = {},
): Promise<ModelInfo> {
  const found = await resolveModel(name, options.quant)
  if (found.gguf) {
    const { describeGguf } = await import('./files/gguf-info.js')
    return describeGguf(found.gguf, options.quant ?? splitName(name).quant)
  }
  await checkWeights(found)
  return found.with({ expertsPerToken: options.expertsPerToken }).info()
}

/** Parts of a model that need neither its weights nor its tokenizer. */
export type ModelOutline = Pick<Model, 'name' | 'config' | 'info' | 'chatTemplate'>

/**
 * Finds a model and describes it, for a list of models that are loaded later. Packs a GGUF file first. Rejects with a
 * UserError if there is no such model, or if its files do not fit each other.
 */
export async function outlineModel(
  name: string,
  options: Pick<LoadOptions, 'quant' | 'expertsPerToken' | 'threads' | 'onPacking' | 'onWarning' | 'signal'> = {},
): Promise<ModelOutline> {
  const found = await preparedModel(name, options)
  await checkWeights(found)
  const files = found.with({ expertsPerToken: options.expertsPerToken })
  return {
    name: files.name,
    config: files.config,
    info: await files.outline(),
    chatTemplate: await files.chatTemplate(),
  }
}

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
