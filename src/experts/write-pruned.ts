import type { ModelConfig } from '../model/config.js'
import type { GateSoftmax } from '../model/expert-mask.js'
import type { Part } from '../packing/layout.js'
import { type PackedModel, writeDerivedModel } from '../packing/packed-model.js'
import { denseLayerOf, expertOf, type RouterRow, routerRowsOf, withRouterRows } from './derive-parts.js'
import { configWithExperts } from './derived-config.js'
import type { Selection } from './selection.js'
import { EXPERT_KINDS, type ExpertKind } from './usage.js'

export interface WriteOptions {
  selection: Selection
  /** With `all`, the router rows of the experts that go stay behind those that stay, silent. */
  gates: GateSoftmax
  /** What selection.json says. */
  account: object
  signal?: AbortSignal
}

/** Writes a packed model with the selected experts of another one. */
export async function writePruned(from: PackedModel, outDir: string, options: WriteOptions): Promise<number> {
  const { selection, gates, account, signal } = options
  const { text, config } = await configWithExperts(from.folder, prunedExperts(from.config, selection, gates))
  const provide = async (part: Part): Promise<Uint8Array> => {
    const expert = expertOf(part)
    if (expert) {
      const { layer, kind } = expert
      return from.read(`layers.${layer}.${kind}.${selection[kind][layer][expert.expert]}`)
    }
    const layer = denseLayerOf(part)
    const bytes = await from.read(part.name)
    if (layer === undefined) return bytes
    const source = { part: from.layout.part(part.name), bytes }
    const rows = (kind: ExpertKind) => {
      const experts = from.config[`${kind}Experts`][layer]
      return chosenRows(routerRowsOf(source.part, bytes, from.config, kind), experts, selection[kind][layer], gates)
    }
    return withRouterRows(source, { part, config }, { attention: rows('attention'), mlp: rows('mlp') })
  }
  const files = { 'config.json': text, 'selection.json': selectionText(account) }
  return writeDerivedModel(from, outDir, { config, files, provide, signal })
}

/** Indented JSON with each layer's ids on one line. */
function selectionText(account: object): string {
  const text = JSON.stringify(account, null, 2)
  return `${text.replace(/\[[\d,\s]+\]/g, (ids) => ids.replace(/\s+/g, '').replaceAll(',', ', '))}\n`
}

/** Rows of the experts that stay, then those without an expert: the dropped where the gates want them, and former ones. */
function chosenRows(rows: RouterRow[], experts: number, kept: number[], gates: GateSoftmax): RouterRow[] {
  const dropped = rows.slice(0, experts).filter((_, id) => !kept.includes(id))
  return [...kept.map((id) => rows[id]), ...(gates === 'all' ? dropped : []), ...rows.slice(experts)]
}

function prunedExperts(config: ModelConfig, selection: Selection, gates: GateSoftmax) {
  const kept = (kind: ExpertKind) => selection[kind].map(({ length }) => length)
  const silent = (kind: ExpertKind) =>
    config[`${kind}Experts`].map((experts, layer) => {
      const dropped = gates === 'all' ? experts - selection[kind][layer].length : 0
      return dropped + (config.silentRows?.[kind][layer] ?? 0)
    })
  const silentRows = { attention: silent('attention'), mlp: silent('mlp') }
  const areSilent = EXPERT_KINDS.some((kind) => silentRows[kind].some((rows) => rows > 0))
  return {
    attention: kept('attention'),
    mlp: kept('mlp'),
    ...(areSilent && { silent: silentRows }),
    ...(config.gateBias && { gate_bias: true as const }),
  }
}
