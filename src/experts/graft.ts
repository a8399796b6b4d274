import { resolve } from 'node:path'
import { UserError } from '../errors.js'
import { resolveModel } from '../library/resolve-model.js'
import type { ModelConfig } from '../model/config.js'
import type { PartFormats, Quant } from '../packing/format.js'
import type { Part } from '../packing/layout.js'
import { packedFileName } from '../packing/packed-folder.js'
import { type PackedModel, writeDerivedModel } from '../packing/packed-model.js'
import { denseLayerOf, expertOf, type RouterRow, routerRowsOf, withRouterRows } from './derive-parts.js'
import { configWithExperts } from './derived-config.js'
import type { ExpertKind } from './usage.js'
import { withPackedModel } from './with-packed.js'

export interface GraftOptions {
  /** The model that gives experts: name, folder or file. */
  from: string
  /** Layers that get experts. Default: all. */
  layers?: number[]
  /** Ids of the experts that are given, in that model. Default: all of a layer. */
  experts?: number[]
  /** The kind that is given. Default: both. */
  only?: ExpertKind
  /** Added to the logits of the newcomers: above 0 they are chosen more often. Default 0. */
  gateBias?: number
  /** Format in which `name` is packed if it is a checkpoint. Default q4. */
  quant?: Quant
  threads?: number
  signal?: AbortSignal
}

export interface Grafted {
  /** The packed file. */
  path: string
  bytes: number
  /** Ids of the newcomers in the model that gave them, a list a layer; in the new model they follow its own experts. */
  newcomers: Record<ExpertKind, number[][]>
}

/**
 * Writes a larger packed model: `name` with experts of another model of the same shape, and their router rows, added.
 * What the model had stays as it was, bit for bit. Rejects with a UserError when the other model does not fit.
 */
export async function graftModel(name: string, outDir: string, options: GraftOptions): Promise<Grafted> {
  return withPackedModel(name, outDir, options, async (own, found) => {
    const { kind } = await resolveModel(options.from)
    // A checkpoint is packed as the model is; what is packed already has to fit.
    const quant = kind === 'checkpoint' ? found.quant : undefined
    return withPackedModel(options.from, outDir, { ...options, quant }, async (giver) => {
      checkShape(own, giver, name, options.from)
      const newcomers = chooseNewcomers(giver.config, options)
      const bytes = await writeGrafted(own, giver, outDir, newcomers, options)
      return { path: resolve(outDir, packedFileName(found.quant)), bytes, newcomers }
    })
  })
}

async function writeGrafted(
  own: PackedModel,
  giver: PackedModel,
  outDir: string,
  newcomers: Grafted['newcomers'],
  { gateBias = 0, signal }: GraftOptions,
): Promise<number> {
  const needsBias = gateBias !== 0 || own.config.gateBias || giver.config.gateBias
  const count = (kind: ExpertKind) => own.config[`${kind}Experts`].map((n, layer) => n + newcomers[kind][layer].length)
  const { text, config } = await configWithExperts(own.folder, {
    attention: count('attention'),
    mlp: count('mlp'),
    ...(own.config.silentRows && { silent: own.config.silentRows }),
    ...(needsBias && { gate_bias: true as const }),
  })
  const provide = async (part: Part): Promise<Uint8Array> => {
    const expert = expertOf(part)
    if (expert) {
      const { layer, kind, expert: id } = expert
      const among = id - own.config[`${kind}Experts`][layer]
      return among < 0 ? own.read(part.name) : giver.read(`layers.${layer}.${kind}.${newcomers[kind][layer][among]}`)
    }
    const bytes = await own.read(part.name)
    const layer = denseLayerOf(part)
    if (layer === undefined) return bytes
    const source = { part: own.layout.part(part.name), bytes }
    const other = { part: giver.layout.part(part.name), bytes: await giver.read(part.name) }
    const rows = (kind: ExpertKind) => {
      const theirs = routerRowsOf(other.part, other.bytes, giver.config, kind)
      const given = newcomers[kind][layer].map((id) => raised(theirs[id], gateBias))
      return inserted(routerRowsOf(source.part, bytes, own.config, kind), own.config[`${kind}Experts`][layer], given)
    }
    return withRouterRows(source, { part, config }, { attention: rows('attention'), mlp: rows('mlp') })
  }
  return writeDerivedModel(own, outDir, { config, files: { 'config.json': text }, provide, signal })
}

/** Newcomers stand behind the model's own experts and before rows that belong to none. */
function inserted(rows: RouterRow[], experts: number, given: RouterRow[]): RouterRow[] {
  return [...rows.slice(0, experts), ...given, ...rows.slice(experts)]
}

function raised({ weights, bias }: RouterRow, by: number): RouterRow {
  return { weights, bias: bias + by }
}

function chooseNewcomers(config: ModelConfig, { layers, experts, only }: GraftOptions): Grafted['newcomers'] {
  const bad = layers?.find((layer) => layer >= config.layers)
  if (bad !== undefined)
    throw new UserError(`there is no layer ${bad}: the models have layers 0 to ${config.layers - 1}`)
  const choose = (kind: ExpertKind) =>
    config[`${kind}Experts`].map((count, layer) => {
      if ((only && only !== kind) || (layers && !layers.includes(layer))) return []
      const missing = experts?.find((id) => id >= count)
      if (missing === undefined) return experts ? [...experts] : [...Array(count).keys()]
      throw new UserError(`the giving model has no ${kind} expert ${missing} in layer ${layer}, only 0 to ${count - 1}`)
    })
  return { attention: choose('attention'), mlp: choose('mlp') }
}

/** What two models must have in common for an expert of one to work in the other. */
const SHAPE = {
  layers: 'n_layer',
  width: 'n_embd',
  heads: 'n_head',
  attentionHidden: 'att_hidden',
  ffnHidden: 'ffd_hidden',
  activation: 'activation_function',
  gateType: 'gate_type',
  gatingSize: 'gating_size',
} as const satisfies Partial<Record<keyof ModelConfig, string>>

/** The parts whose bytes are taken over, so that both packings must have them in one format. */
const FORMATS = ['attention', 'mlp'] as const satisfies (keyof PartFormats)[]

function checkShape(own: PackedModel, giver: PackedModel, name: string, giverName: string): void {
  for (const [field, key] of Object.entries(SHAPE) as [keyof typeof SHAPE, string][]) {
    if (field === 'gatingSize' && own.config.gateType === 'linear') continue
    const [ours, theirs] = [own.config[field], giver.config[field]]
    if (ours !== theirs) throw new UserError(`${giverName} does not fit ${name}: its ${key} is ${theirs}, not ${ours}`)
  }
  for (const kind of FORMATS) {
    const [ours, theirs] = [own.formats[kind], giver.formats[kind]]
    if (ours === theirs) continue
    throw new UserError(
      `${giverName} does not fit ${name}: its ${kind} experts are packed as ${theirs}, not ${ours}; pack both alike`,
    )
  }
}
