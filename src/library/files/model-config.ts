import type { LoadOptions } from '../../api/model.js'
import { UserError } from '../../ground/errors.js'
import { type FileSet, whileOpen } from '../../ground/files/byte-source.js'
import { localFolder } from '../../ground/files/local-folder.js'
import { MOST_CONFIG_BYTES, readConfigFile, readJsonIfPresent, readSmallFile } from '../../ground/files/small-file.js'
import { parseJson, parsePythonObject } from '../../ground/json/json.js'
import { basename, pathIn } from '../../ground/platform/files.js'
import type { ModelConfig } from '../../model/config/config.js'
import { type ExpertsPerToken, withExpertsPerToken } from '../../model/config/experts-per-token.js'
import { type DescribedFiles, described } from '../../model/families/description.js'
import { parseConfig } from '../../model/families/index.js'
import { isGguf } from '../../model/gguf/file/split-names.js'
import { checksumsOf } from '../../model/packing/format/checksums.js'
import { EXPERTS_PER_TOKEN_FILE } from '../../model/packing/format/companions.js'
import type { PackedFile } from '../../model/packing/format/packed-file.js'

/** Numbers of experts per token that a model's folder holds, in place of the numbers in config.json. */
interface StoredNumbers {
  path: string
  numbers: ExpertsPerToken
}

/** The config of a model's folder, and the numbers of experts per token there. */
export interface FolderConfig {
  /** As config.json has it. */
  config: ModelConfig
  stored?: StoredNumbers
}

/**
 * Reads the config of a folder; beside packed weights config.json must be the file that they were packed with. The family
 * of a checkpoint may be described beside it, or in a folder of `families`.
 */
export async function readConfig(
  dir: string,
  { packed, families }: { packed?: PackedFile; families?: FileSet },
): Promise<FolderConfig> {
  const path = pathIn(dir, 'config.json')
  const bytes = await readSmallFile(path, MOST_CONFIG_BYTES)
  if (!bytes) {
    const file = (await localFolder(dir).list()).find(isGguf)
    const hint = file === undefined ? '' : `\nto load the GGUF file in this folder, name it: ${pathIn(dir, file)}`
    throw new UserError(`${path}: no such file; a model is a folder with config.json and weights${hint}`)
  }
  if (packed && checksumsOf(bytes).sha256 !== packed.metadata.files['config.json']) {
    throw new UserError(
      `${path}: not the file that ${basename(packed.path)} was packed with; put that back, or pack the model again`,
    )
  }
  const local = localFolder(dir)
  const { files, rules }: DescribedFiles = packed ? { files: local } : await described(local, families)
  const json = rules ? await whileOpen(files.open('config.json'), readConfigFile) : parsePythonObject(bytes, path)
  const config = await withTrainedContext({ ...parseConfig(json, path), ...(rules && { tensorRules: rules }) }, dir)
  return { config, stored: await storedNumbers(dir, config) }
}

/**
 * Returns the config with `trainedContext` limited to the tokenizer's `model_max_length` if the model has no positions.
 * ModuleFormer's config.json lacks the length of the texts in training: it has only the sizes of attention's blocks.
 */
async function withTrainedContext(config: ModelConfig, dir: string): Promise<ModelConfig> {
  if (config.maxPositions !== undefined) return config
  // Errors in the tokenizer's files are reported when the tokenizer is loaded.
  const json = await readJsonIfPresent(dir, 'tokenizer_config.json').catch(() => undefined)
  const length = json?.model_max_length
  // Tokenizers without a limit have a huge number there.
  if (typeof length !== 'number' || !Number.isSafeInteger(length) || length < 1) return config
  return { ...config, trainedContext: Math.min(length, config.trainedContext || length) }
}

async function storedNumbers(dir: string, config: ModelConfig): Promise<StoredNumbers | undefined> {
  const path = pathIn(dir, EXPERTS_PER_TOKEN_FILE)
  const bytes = await readSmallFile(path, MOST_CONFIG_BYTES)
  if (!bytes) return undefined
  // Checked when they are used, like a caller's.
  const stored = { path, numbers: parseJson(bytes, path) as ExpertsPerToken }
  withStored(config, stored)
  return stored
}

/** The config with the caller's numbers of experts per token; without any, with the folder's. */
export function withNumbers({ config, stored }: FolderConfig, given: LoadOptions['expertsPerToken']): ModelConfig {
  if (given === 'trained') return config
  const own = stored ? withStored(config, stored) : config
  return given === undefined ? own : withExpertsPerToken(own, given)
}

function withStored(config: ModelConfig, { numbers, path }: StoredNumbers): ModelConfig {
  try {
    return withExpertsPerToken(config, numbers, { name: `${path}: the number of experts` })
  } catch (error) {
    // A wrong file is no wrong usage.
    throw error instanceof UserError ? new UserError(error.phrase) : error
  }
}
