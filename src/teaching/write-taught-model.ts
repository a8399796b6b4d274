import { type ModelConfig, mixtureOf, type PerMixture, perMixture } from '../model/config.js'
import type { Part } from '../packing/format/layout.js'
import { routerRowsOf, withRouterRows } from '../surgery/derive-parts.js'
import { configWithExperts, newExpertsOf } from '../surgery/derived-config.js'
import { type PackedModel, writeDerivedModel } from '../surgery/packed-model.js'
import type { PackedExpert } from './packed-experts.js'
import type { Settings } from './teach-options.js'

export interface TaughtModel {
  settings: Settings
  newExperts: readonly PackedExpert[]
  /** Bias of the new experts' gates. */
  bias: number
  /** Entry about this teaching in the packed file's metadata. */
  summary: Record<string, unknown>
  /** Other files of the folder, by name. */
  files: Record<string, string>
}

/**
 * Writes the model with its new experts, packed in the format of their kind. The rest of the model stays the same, bit
 * for bit. Router rows are f32; only those of new experts get the bias. Resolves with the bytes of the file.
 */
export async function writeTaughtModel(from: PackedModel, outDir: string, taught: TaughtModel): Promise<number> {
  const { settings, newExperts, bias, summary } = taught
  const { kind, layers } = settings
  const own = mixtureOf(from.config, kind)?.experts ?? []
  const { text, config } = await configWithExperts(from.folder, expertsWith(from.config, settings, bias))
  const newExpert = (layer: number, expert: number) => {
    const found = newExperts.find((one) => one.layer === layer && one.expert === expert)
    if (!found) throw new RangeError(`layer ${layer} has no new expert ${expert}`)
    return found
  }
  const provide = async (part: Part): Promise<Uint8Array> => {
    const { name, layer, expert } = part
    const isTaught = layer !== undefined && layers.includes(layer)
    if (expert) {
      const isNew = isTaught && expert.kind === kind && expert.id >= own[layer]
      return isNew ? newExpert(layer, expert.id).bytes : from.read(name)
    }
    // If the model has a bias, every router has a piece for it, in layers without new experts, too.
    if (layer === undefined || (!isTaught && bias === 0)) return from.read(name)
    const source = { part: from.layout.part(name), bytes: await from.read(name) }
    // Both routers of the layer are written; the other kind's rows are unchanged.
    const changed = from.config.mixtures.filter(({ experts }) => experts[layer] > 0)
    const rows = perMixture(changed, (mixture) => {
      const all = routerRowsOf(source.part, source.bytes, from.config, mixture.kind)
      if (!isTaught || mixture.kind !== kind) return all
      const added = Array.from({ length: settings.experts }, (_, i) => ({
        weights: newExpert(layer, own[layer] + i).router,
        bias,
      }))
      return [...all.slice(0, own[layer]), ...added, ...all.slice(own[layer])]
    })
    return withRouterRows(source, part, rows)
  }
  const files = { 'config.json': text, ...taught.files }
  return writeDerivedModel(from, outDir, {
    config,
    files,
    provide,
    taught: [...(from.file.metadata.taught ?? []), summary],
  })
}

/** Ids of this teaching's new experts by mixture and layer; they follow the layer's other experts. */
export function newExpertIds(config: ModelConfig, { kind, layers, experts }: Settings): PerMixture<number[][]> {
  const own = mixtureOf(config, kind)?.experts ?? []
  const idsOf = (count: number) => Array.from({ length: experts }, (_, i) => count + i)
  return { [kind]: own.map((count, layer) => (layers.includes(layer) ? idsOf(count) : [])) }
}

/** Makes the entry of config.json about experts, including new experts of earlier teachings. */
function expertsWith(config: ModelConfig, settings: Settings, bias: number) {
  const { mixtures, gateBias } = config
  const added = newExpertIds(config, settings)
  const silent = mixtures.some(({ silentRows }) => silentRows)
  const { newcomers: earlier = {} } = newExpertsOf(config)
  const newcomers = perMixture(
    mixtures.filter(({ kind }) => added[kind] || earlier[kind]),
    ({ kind, experts }) =>
      experts.map((_, layer) => [...(earlier[kind]?.[layer] ?? []), ...(added[kind]?.[layer] ?? [])]),
  )
  return {
    ...perMixture(mixtures, ({ kind, experts }) =>
      experts.map((count, layer) => count + (added[kind]?.[layer].length ?? 0)),
    ),
    ...(silent && { silent: perMixture(mixtures, ({ experts, silentRows }) => silentRows ?? experts.map(() => 0)) }),
    ...((gateBias || bias !== 0) && { gate_bias: true as const }),
    newcomers,
  }
}
