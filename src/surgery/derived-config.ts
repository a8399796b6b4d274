import { join } from 'node:path'
import { parseConfig } from '../architectures/index.js'
import { openLocalFile } from '../checkpoint/local-folder.js'
import { MOST_CONFIG_BYTES, readJsonObject } from '../checkpoint/small-file.js'
import { type Mixture, type MixtureKind, type ModelConfig, type PerMixture, perMixture } from '../model/config.js'

/** Value of the key `molm_experts` in a config.json. */
export interface MolmExperts extends PerMixture<number[]> {
  silent?: PerMixture<number[]>
  gate_bias?: true
  newcomers?: PerMixture<number[][]>
  always?: PerMixture<number[][]>
}

/** Maps the id of an expert to the new one; undefined for an expert that is gone. */
type NewId = (kind: MixtureKind, layer: number, id: number) => number | undefined

/**
 * Ids of the taught experts, if there are any, mapped by `newIdOf`, which returns undefined for an expert that is gone.
 */
export function newExpertsOf(
  { mixtures }: Pick<ModelConfig, 'mixtures'>,
  newIdOf: NewId = (_kind, _layer, id) => id,
): Pick<MolmExperts, 'newcomers'> {
  const taught = mixtures.filter(({ newExperts }) => newExperts?.some((ids) => ids.length > 0))
  if (taught.length === 0) return {}
  const idsOf = ({ kind, newExperts = [] }: Mixture) =>
    newExperts.map((ids, layer) => {
      const left = ids.map((id) => newIdOf(kind, layer, id)).filter((id) => id !== undefined)
      return left.sort((a, b) => a - b)
    })
  return { newcomers: perMixture(taught, idsOf) }
}

/** Ids of the experts that every token uses, if there are any, mapped by `newIdOf`. */
export function alwaysOf(
  { mixtures }: Pick<ModelConfig, 'mixtures'>,
  newIdOf: NewId = (_kind, _layer, id) => id,
): Pick<MolmExperts, 'always'> {
  const found = mixtures.filter(({ routing }) => routing?.always)
  if (found.length === 0) return {}
  const idsOf = ({ kind, routing }: Mixture) =>
    (routing?.always ?? []).map(({ ids }, layer) => {
      return ids.map((id) => newIdOf(kind, layer, id)).filter((id) => id !== undefined)
    })
  return { always: perMixture(found, idsOf) }
}

/** The config.json in `folder` with other numbers of experts, as text and parsed. */
export async function configWithExperts(
  folder: string,
  molmExperts: MolmExperts,
): Promise<{ text: string; config: ModelConfig }> {
  const path = join(folder, 'config.json')
  const source = await openLocalFile(path)
  const json = {
    ...(await readJsonObject(source, MOST_CONFIG_BYTES).finally(() => source.close())),
    molm_experts: molmExperts,
  }
  return { text: `${JSON.stringify(json, null, 2)}\n`, config: parseConfig(json, path) }
}
