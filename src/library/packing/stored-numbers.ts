import { join } from 'node:path'
import type { LoadOptions } from '../../api/model.js'
import { UserError } from '../../ground/errors.js'
import { MOST_CONFIG_BYTES, readSmallFile } from '../../ground/files/small-file.js'
import { parseJson } from '../../ground/json/json.js'
import type { ModelConfig } from '../../model/config/config.js'
import { type ExpertsPerToken, withExpertsPerToken } from '../../model/config/experts-per-token.js'
import { EXPERTS_PER_TOKEN_FILE } from '../../model/packing/format/companions.js'

/** Numbers of experts per token that a model's folder holds, in place of the numbers in config.json. */
export interface StoredNumbers {
  path: string
  numbers: ExpertsPerToken
}

/** Reads the numbers of experts per token in a model's folder; undefined if there are none. */
export async function storedNumbers(dir: string, config: ModelConfig): Promise<StoredNumbers | undefined> {
  const path = join(dir, EXPERTS_PER_TOKEN_FILE)
  const bytes = await readSmallFile(path, MOST_CONFIG_BYTES)
  if (!bytes) return undefined
  // Checked when they are used, like a caller's.
  const stored = { path, numbers: parseJson(bytes, path) as ExpertsPerToken }
  withStored(config, stored)
  return stored
}

/** The model with the caller's numbers of experts per token; without any, with its folder's. */
export function withNumbers<M extends { config: ModelConfig; stored?: StoredNumbers }>(
  found: M,
  given: LoadOptions['expertsPerToken'],
): M {
  const { config, stored } = found
  if (given === 'trained') return found
  const own = stored ? withStored(config, stored) : config
  return { ...found, config: given === undefined ? own : withExpertsPerToken(own, given) }
}

function withStored(config: ModelConfig, { numbers, path }: StoredNumbers): ModelConfig {
  try {
    return withExpertsPerToken(config, numbers, { name: `${path}: the number of experts` })
  } catch (error) {
    // A wrong file is no wrong usage.
    throw error instanceof UserError ? new UserError(error.phrase) : error
  }
}
