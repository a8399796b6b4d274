import { type ModelConfig, mixtureOf, type PerMixture } from '../../model/config/config.js'
import { molmExperts } from '../surgery/derived-config.js'
import { writeDerivedModel } from '../surgery/derived-model.js'
import type { PackedModel } from '../surgery/packed-model.js'
import type { PackedExpert } from './calibrate-gates.js'
import { biasesOf } from './gate-bias.js'
import type { TeachingAccount } from './records.js'
import type { Settings } from './teach-options.js'

export interface TaughtModel {
  settings: Settings
  newExperts: readonly PackedExpert[]
  /** See `biasesOf`. */
  bias: number
  account: TeachingAccount & Record<string, unknown>
  /** Other files of the folder, by name. */
  files: Record<string, string>
}

/**
 * Writes the model with its new experts, packed in the format of their kind. The rest of the model stays the same, bit
 * for bit. Router rows are f32; only rows of new experts get the bias. Resolves with the bytes of the file.
 */
export async function writeTaughtModel(from: PackedModel, outDir: string, taught: TaughtModel): Promise<number> {
  const { settings, newExperts, bias, account, files } = taught
  const ids = newExpertIds(from.config, settings)
  const biases = biasesOf(bias, settings.layers)
  const newExpert = (layer: number, id: number) => {
    const found = newExperts.find((one) => one.layer === layer && one.expert === id)
    if (!found) throw new RangeError(`layer ${layer} has no new expert ${id}`)
    return found
  }
  return writeDerivedModel(from, outDir, {
    experts: molmExperts(from.config, {
      count: ({ kind, experts }, layer) => experts[layer] + (ids[kind]?.[layer].length ?? 0),
      gateBias: from.config.gateBias || bias !== 0,
      taught: ids,
    }),
    files,
    newExpert: ({ layer, expert }) => newExpert(layer, expert.id).bytes,
    rows: ({ kind, experts }, { layer }, rows) => {
      const added = (ids[kind]?.[layer] ?? []).map((id) => ({
        weights: newExpert(layer, id).router,
        bias: biases[layer],
      }))
      // Silent rows come last.
      return rows.toSpliced(experts[layer], 0, ...added)
    },
    taught: [...(from.file.metadata.taught ?? []), account],
  })
}

/** Ids of this teaching's new experts by mixture and layer; they follow the layer's other experts. */
export function newExpertIds(config: ModelConfig, { kind, layers, experts }: Settings): PerMixture<number[][]> {
  const own = mixtureOf(config, kind)?.experts ?? []
  const idsOf = (count: number) => Array.from({ length: experts }, (_, i) => count + i)
  return { [kind]: own.map((count, layer) => (layers.includes(layer) ? idsOf(count) : [])) }
}
