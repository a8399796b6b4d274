import { join } from 'node:path'
import { whileOpen } from '../../ground/files/byte-source.js'
import { openLocalFile } from '../../ground/files/local-folder.js'
import { readConfigFile } from '../../ground/files/small-file.js'
import {
  type Mixture,
  type MixtureKind,
  type ModelConfig,
  type PerMixture,
  perMixture,
} from '../../model/config/config.js'
import { parseConfig } from '../../model/families/index.js'

/** Value of the key `molm_experts` in a config.json. */
export interface MolmExperts extends PerMixture<number[]> {
  silent?: PerMixture<number[]>
  gate_bias?: true
  newcomers?: PerMixture<number[][]>
  always?: PerMixture<number[][]>
}

/** Maps the id of an expert to the new one; undefined for an expert that is gone. */
type NewId = (kind: MixtureKind, layer: number, id: number) => number | undefined

/** Experts of a model that is made from another. */
export interface ChangedExperts {
  /** Number of experts of a layer, and of its silent rows. Default of the latter: as in the model. */
  count(mixture: Mixture, layer: number): number
  silent?(mixture: Mixture, layer: number): number
  gateBias?: boolean
  /** New ids of the model's own experts. Default: the same. */
  newIdOf?: NewId
  taught?: PerMixture<number[][]>
}

export function molmExperts(
  { mixtures }: Pick<ModelConfig, 'mixtures'>,
  { count, silent, gateBias, newIdOf = (_kind, _layer, id) => id, taught = {} }: ChangedExperts,
): MolmExperts {
  const perLayer = (of: ChangedExperts['count']) =>
    perMixture(mixtures, (mixture) => mixture.experts.map((_, layer) => of(mixture, layer)))
  const newIds = (kind: MixtureKind, layer: number, ids: readonly number[] = []) =>
    ids.map((id) => newIdOf(kind, layer, id)).filter((id) => id !== undefined)
  const silentRows = perLayer(silent ?? (({ silentRows }, layer) => silentRows?.[layer] ?? 0))
  const withNew = mixtures.filter(({ kind, newExperts }) => taught[kind] || newExperts?.some((ids) => ids.length > 0))
  const newcomers = perMixture(withNew, ({ kind, experts, newExperts }) =>
    experts.map((_, layer) => {
      const earlier = newIds(kind, layer, newExperts?.[layer]).sort((a, b) => a - b)
      return [...earlier, ...(taught[kind]?.[layer] ?? [])]
    }),
  )
  const withAlways = mixtures.filter(({ routing }) => routing?.always)
  const always = perMixture(
    withAlways,
    ({ kind, routing }) => routing?.always?.map(({ ids }, layer) => newIds(kind, layer, ids)) ?? [],
  )
  return {
    ...perLayer(count),
    ...(Object.values(silentRows)
      .flat()
      .some((rows) => rows > 0) && { silent: silentRows }),
    ...(gateBias && { gate_bias: true as const }),
    ...(withNew.length > 0 && { newcomers }),
    ...(withAlways.length > 0 && { always }),
  }
}

/** The config.json in `folder` with other numbers of experts, as text and parsed. */
export async function configWithExperts(
  folder: string,
  molmExperts: MolmExperts,
): Promise<{ text: string; config: ModelConfig }> {
  const path = join(folder, 'config.json')
  const own = await whileOpen(openLocalFile(path), readConfigFile)
  const json = { ...own, molm_experts: molmExperts }
  return { text: `${JSON.stringify(json, null, 2)}\n`, config: parseConfig(json, path) }
}
