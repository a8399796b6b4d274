import { dirname, join } from 'node:path'
import type { ModelInfo } from '../../api/model.js'
import { UserError } from '../../ground/errors.js'
import { readSmallFile } from '../../ground/files/small-file.js'
import { type Form, listOf, listOfEach, whole } from '../../ground/json/forms.js'
import { MOST_JSON_BYTES, parseJsonObject } from '../../ground/json/json.js'
import { type PerMixture, perMixture } from '../../model/config/config.js'

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
    if (listOfEach(mixture.experts.map(distinctIds))(layers)) return layers
    throw new UserError(`${file}: does not list the ${mixture.kind} experts that this model has`)
  })
}

/** Bound of ids from a file; no model has as many experts. */
const MOST_EXPERTS = 2 ** 16

/** A list of `count` different ids. */
function distinctIds(count: number): Form<number[]> {
  const areIds = listOf(whole(0, MOST_EXPERTS - 1), { least: count, most: count })
  return (value): value is number[] => areIds(value) && new Set(value).size === count
}
