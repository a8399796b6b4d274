import type { MixtureKind } from '../../model/config/config.js'
import type { GateSoftmax } from '../../model/config/expert-mask.js'
import { molmExperts } from './derived-config.js'
import { copyOf, writeDerivedModel } from './derived-model.js'
import type { PackedModel } from './packed-model.js'
import type { RouterRow } from './router-rows.js'
import type { Selection } from './selection.js'

export interface WriteOptions {
  selection: Selection
  /** With `all`, the router rows of removed experts follow the kept rows, as silent ones. */
  gates: GateSoftmax
  account: object
  signal?: AbortSignal
}

export function writePruned(from: PackedModel, outDir: string, options: WriteOptions): Promise<number> {
  const { selection, gates, account, signal } = options
  const kept = (kind: MixtureKind, layer: number) => selection[kind]?.[layer] ?? []
  const dropped = (kind: MixtureKind, layer: number, all: number) =>
    gates === 'all' ? all - kept(kind, layer).length : 0
  return writeDerivedModel(from, outDir, {
    experts: molmExperts(from.config, {
      count: ({ kind }, layer) => kept(kind, layer).length,
      silent: ({ kind, experts, silentRows }, layer) =>
        dropped(kind, layer, experts[layer]) + (silentRows?.[layer] ?? 0),
      gateBias: from.config.gateBias,
      newIdOf: (kind, layer, id) => {
        const place = kept(kind, layer).indexOf(id)
        return place < 0 ? undefined : place
      },
    }),
    files: { 'selection.json': selectionText(account) },
    originOf: ({ layer, expert: { kind, id } }) =>
      copyOf(from, from.layout.experts(layer, kind)[kept(kind, layer)[id]]),
    rows: ({ kind, experts }, { layer }, own) => chosenRows(own, experts[layer], kept(kind, layer), gates),
    signal,
  })
}

/** Formats selection.json, with each layer's ids on one line. */
function selectionText(account: object): string {
  const text = JSON.stringify(account, null, 2)
  return `${text.replace(/\[[\d,\s]+\]/g, (ids) => ids.replace(/\s+/g, '').replaceAll(',', ', '))}\n`
}

/** Rows of the kept experts, then silent rows: of removed experts with gates `all`, and of earlier prunings. */
function chosenRows(rows: RouterRow[], experts: number, kept: number[], gates: GateSoftmax): RouterRow[] {
  const dropped = rows.slice(0, experts).filter((_, id) => !kept.includes(id))
  return [...kept.map((id) => rows[id]), ...(gates === 'all' ? dropped : []), ...rows.slice(experts)]
}
