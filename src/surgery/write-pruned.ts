import { type MixtureKind, type ModelConfig, perMixture } from '../model/config.js'
import type { GateSoftmax } from '../model/expert-mask.js'
import type { Part } from '../packing/format/layout.js'
import { expertFinder, type RouterRow, routerRowsOf, withRouterRows } from './derive-parts.js'
import { alwaysOf, configWithExperts, type MolmExperts, newExpertsOf } from './derived-config.js'
import { type PackedModel, writeDerivedModel } from './packed-model.js'
import type { Selection } from './selection.js'

export interface WriteOptions {
  selection: Selection
  /** With `all`, the router rows of removed experts follow those of the kept ones, as silent rows. */
  gates: GateSoftmax
  /** Contents of selection.json. */
  account: object
  signal?: AbortSignal
}

/** Writes a packed model with the selected experts of another. */
export async function writePruned(from: PackedModel, outDir: string, options: WriteOptions): Promise<number> {
  const { selection, gates, account, signal } = options
  const { text, config } = await configWithExperts(from.folder, prunedExperts(from.config, selection, gates))
  const find = expertFinder(from.layout)
  const originOf = ({ layer = 0, expert }: Part) =>
    expert && find(layer, expert.kind, kept(selection, expert.kind, layer)[expert.id])
  const provide = async (part: Part): Promise<Uint8Array> => {
    const { name, layer } = part
    if (layer === undefined) return from.read(name)
    const expert = originOf(part)
    if (expert) return from.read(expert.name)
    const source = { part: from.layout.part(name), bytes: await from.read(name) }
    const routed = from.config.mixtures.filter(({ experts }) => experts[layer] > 0)
    const rows = perMixture(routed, ({ kind, experts }) => {
      const all = routerRowsOf(source.part, source.bytes, from.config, kind)
      return chosenRows(all, experts[layer], kept(selection, kind, layer), gates)
    })
    return withRouterRows(source, part, rows)
  }
  const files = { 'config.json': text, 'selection.json': selectionText(account) }
  return writeDerivedModel(from, outDir, { config, files, provide, originOf, signal })
}

/** Formats selection.json, with each layer's ids on one line. */
function selectionText(account: object): string {
  const text = JSON.stringify(account, null, 2)
  return `${text.replace(/\[[\d,\s]+\]/g, (ids) => ids.replace(/\s+/g, '').replaceAll(',', ', '))}\n`
}

/**
 * Rows of the kept experts, then the silent rows: the removed experts' with gates `all`, and those of earlier prunings.
 */
function chosenRows(rows: RouterRow[], experts: number, kept: number[], gates: GateSoftmax): RouterRow[] {
  const dropped = rows.slice(0, experts).filter((_, id) => !kept.includes(id))
  return [...kept.map((id) => rows[id]), ...(gates === 'all' ? dropped : []), ...rows.slice(experts)]
}

/** Ids of a layer's kept experts. */
function kept(selection: Selection, kind: MixtureKind, layer: number): number[] {
  return selection[kind]?.[layer] ?? []
}

function prunedExperts(config: ModelConfig, selection: Selection, gates: GateSoftmax): MolmExperts {
  const { mixtures, gateBias } = config
  const newIdOf = (kind: MixtureKind, layer: number, id: number) => {
    const place = kept(selection, kind, layer).indexOf(id)
    return place < 0 ? undefined : place
  }
  const left = (kind: MixtureKind, layer: number) => kept(selection, kind, layer).length
  const silent = perMixture(mixtures, ({ kind, experts, silentRows }) =>
    experts.map((count, layer) => (gates === 'all' ? count - left(kind, layer) : 0) + (silentRows?.[layer] ?? 0)),
  )
  const areSilent = Object.values(silent).some((layers) => layers.some((rows) => rows > 0))
  return {
    ...perMixture(mixtures, ({ kind, experts }) => experts.map((_, layer) => left(kind, layer))),
    ...(areSilent && { silent }),
    ...(gateBias && { gate_bias: true as const }),
    ...newExpertsOf(config, newIdOf),
    ...alwaysOf(config, newIdOf),
  }
}
