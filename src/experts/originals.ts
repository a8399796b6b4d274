import { dirname, join } from 'node:path'
import type { ModelInfo } from '../api/model.js'
import { readSmallFile } from '../checkpoint/small-file.js'
import { UserError } from '../errors.js'
import { MOST_JSON_BYTES, parseJsonObject } from '../json.js'
import { type Mixture, type PerMixture, perMixture } from '../model/config.js'

/**
 * Reads the ids that a pruned model's experts had before, from the `selection.json` beside it. Undefined if there is no
 * such file. Rejects with a UserError if the file is about another model, or too long.
 */
export async function originalExperts({ path, kind, config }: ModelInfo): Promise<PerMixture<number[][]> | undefined> {
  if (kind !== 'packed') return undefined
  const file = join(dirname(path), 'selection.json')
  const bytes = await readSmallFile(file, MOST_JSON_BYTES)
  if (!bytes) return undefined
  const said = parseJsonObject(bytes, file)
  return perMixture(config.mixtures, (mixture) => {
    const layers = said[mixture.kind]
    if (fits(layers, mixture)) return layers
    throw new UserError(`${file}: does not list the ${mixture.kind} experts that this model has`)
  })
}

/** Whether a value has one list of distinct ids for each layer, as long as the layer has experts. */
function fits(layers: unknown, { experts }: Mixture): layers is number[][] {
  if (!Array.isArray(layers) || layers.length !== experts.length) return false
  return layers.every(
    (ids, layer) =>
      Array.isArray(ids) &&
      ids.length === experts[layer] &&
      new Set(ids).size === ids.length &&
      ids.every((id) => Number.isInteger(id) && id >= 0 && id < MOST_EXPERTS),
  )
}

/** Bound of ids from a file; no model has as many experts. */
const MOST_EXPERTS = 2 ** 16
