import { UserError } from '../../ground/errors.js'
import { type FileSet, whileOpen } from '../../ground/files/byte-source.js'
import { readConfigFile } from '../../ground/files/small-file.js'
import { isObject } from '../../ground/json/json.js'
import { closeAll, hasWeights, openWeights } from './shards.js'
import type { Tensor } from './tensor.js'
import { renamed, type TensorRule } from './tensor-rules.js'

export { localFolder } from '../../ground/files/local-folder.js'

/** A Hugging Face checkpoint: its configuration, and the places of its tensors. */
export interface Checkpoint {
  /** Name for error messages: its folder. */
  name: string
  config: Record<string, unknown>
  /** Tensors by name, readable until the checkpoint is closed. */
  tensors: Map<string, Tensor>
  files: string[]
  /** Closes the files. May be called more than once. */
  close(): Promise<void>
}

const CONFIG = 'config.json'

/**
 * Opens a checkpoint: reads config.json and the headers of the weights, but not the weights. Prefers safetensors files
 * to .bin files. `rules` are of a description of its family. Rejects with a UserError that names the file and what is
 * missing or damaged.
 */
export async function openCheckpoint(files: FileSet, rules: readonly TensorRule[] = []): Promise<Checkpoint> {
  const listing = await files.list()
  if (!listing.includes(CONFIG)) {
    throw new UserError(`${files.name}: no config.json in this folder, so it is not a Hugging Face checkpoint`)
  }
  const config = await whileOpen(files.open(CONFIG), readConfigFile)
  const weights = await openWeights(files, listing)
  const close = () => closeAll(weights.sources)
  try {
    const tensors = rules.length > 0 ? renamed(weights.tensors, rules) : weights.tensors
    return {
      name: files.name,
      config,
      tensors: isObject(config.text_config) ? textNames(tensors) : tensors,
      files: weights.files,
      close,
    }
  } catch (error) {
    await close()
    throw error
  }
}

/** Renames `model.language_model.X` and `language_model.model.X`, of a text part, to `model.X`. */
function textNames(tensors: Map<string, Tensor>): Map<string, Tensor> {
  const nameOf = (name: string) => name.replace(/^(model\.language_model|language_model\.model)\./, 'model.')
  return new Map(
    [...tensors].map(([name, tensor]) => [nameOf(name).replace(/^language_model\.lm_head\./, 'lm_head.'), tensor]),
  )
}

/** Whether files look like a Hugging Face checkpoint: config.json and weights. Rejects as `files.list` does. */
export async function isCheckpoint(files: FileSet): Promise<boolean> {
  const listing = await files.list()
  return listing.includes(CONFIG) && hasWeights(listing)
}
