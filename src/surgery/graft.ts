import { resolve } from 'node:path'
import { architectureOf } from '../architectures/index.js'
import { UserError } from '../errors.js'
import { resolveModel } from '../library/resolve-model.js'
import {
  MIXTURE_KINDS,
  type MixtureKind,
  type ModelConfig,
  mixtureOf,
  type PerMixture,
  perMixture,
} from '../model/config.js'
import { alwaysChosen } from '../model/routing.js'
import type { Quant } from '../packing/format/formats.js'
import type { Part } from '../packing/format/layout.js'
import { packedFileName } from '../packing/format/packed-folder.js'
import { expertFinder, type RouterRow, routerRowsOf, withRouterRows } from './derive-parts.js'
import { alwaysOf, configWithExperts, newExpertsOf } from './derived-config.js'
import { type PackedModel, writeDerivedModel } from './packed-model.js'
import { checkKind } from './selection.js'
import { withPackedModel, withSecondModel } from './with-packed.js'

export interface GraftOptions {
  /** Model to take experts from: name, folder or file. */
  from: string
  /** Layers that receive experts. Default: all. */
  layers?: number[]
  /** Ids, in that model, of the experts to take. Default: all of a layer that a router chooses. */
  experts?: number[]
  /** Kind of experts to take. Default: all. */
  only?: MixtureKind
  /** Bias added to the logits of the new experts: above 0 they are chosen more often. Default 0. */
  gateBias?: number
  /** Format to pack `name` in if it is a checkpoint. Default q4. */
  quant?: Quant
  threads?: number
  signal?: AbortSignal
}

export interface Grafted {
  /** The packed file. */
  path: string
  bytes: number
  /**
   * For each mixture and layer, the new experts' ids in the giving model; in the new model they follow its own experts.
   */
  newExperts: PerMixture<number[][]>
}

/**
 * Writes a larger packed model: `name` plus experts of another model of the same shape, with their router rows. The
 * model's own weights stay the same, bit for bit. Rejects with a UserError if the other model does not fit.
 */
export async function graftModel(name: string, outDir: string, options: GraftOptions): Promise<Grafted> {
  return withPackedModel(name, outDir, options, async (own, found) => {
    const { kind } = await resolveModel(options.from)
    // A checkpoint is packed in the model's format; a packed model must have it already.
    const quant = kind === 'checkpoint' ? found.quant : undefined
    return withSecondModel(options.from, outDir, { ...options, quant }, async (giver) => {
      checkShape(own, giver, name, options.from)
      checkKind(own.config, options.only)
      const newExperts = chooseNewExperts(giver.config, options)
      const bytes = await writeGrafted(own, giver, outDir, newExperts, options)
      return { path: resolve(outDir, packedFileName(found.quant)), bytes, newExperts }
    })
  })
}

async function writeGrafted(
  own: PackedModel,
  giver: PackedModel,
  outDir: string,
  newExperts: Grafted['newExperts'],
  { gateBias = 0, signal }: GraftOptions,
): Promise<number> {
  const { mixtures } = own.config
  const given = (kind: MixtureKind, layer: number) => newExperts[kind]?.[layer] ?? []
  const ownCount = (kind: MixtureKind, layer: number) => mixtureOf(own.config, kind)?.experts[layer] ?? 0
  const needsBias = gateBias !== 0 || own.config.gateBias || giver.config.gateBias
  const silent = mixtures.some(({ silentRows }) => silentRows)
  const { text, config } = await configWithExperts(own.folder, {
    ...perMixture(mixtures, ({ kind, experts }) => experts.map((n, layer) => n + given(kind, layer).length)),
    ...(silent && { silent: perMixture(mixtures, ({ experts, silentRows }) => silentRows ?? experts.map(() => 0)) }),
    ...(needsBias && { gate_bias: true as const }),
    ...newExpertsOf(own.config),
    ...alwaysOf(own.config),
  })
  const findTheirs = expertFinder(giver.layout)
  /** Part of the giver that becomes a new expert; the model's own experts keep their numbers, and their parts' names. */
  const givenPart = ({ layer = 0, expert }: Part): Part | undefined => {
    const newExpert = expert ? expert.id - ownCount(expert.kind, layer) : -1
    return expert && newExpert >= 0 ? findTheirs(layer, expert.kind, given(expert.kind, layer)[newExpert]) : undefined
  }
  const originOf = (part: Part) => givenPart(part) ?? own.layout.find(part.name)
  const provide = async (part: Part): Promise<Uint8Array> => {
    const { name, layer, expert } = part
    if (layer === undefined) return own.read(name)
    const theirExpert = givenPart(part)
    if (theirExpert) return giver.read(theirExpert.name)
    if (expert) return own.read(name)
    const ours = { part: own.layout.part(name), bytes: await own.read(name) }
    const theirs = { part: giver.layout.part(name), bytes: await giver.read(name) }
    const changed = mixtures.filter(({ experts }) => experts[layer] > 0)
    const rows = perMixture(changed, ({ kind, experts }) => {
      const all = given(kind, layer).length > 0 ? routerRowsOf(theirs.part, theirs.bytes, giver.config, kind) : []
      const raisedRows = given(kind, layer).map((id) => raised(all[id], gateBias))
      return inserted(routerRowsOf(ours.part, ours.bytes, own.config, kind), experts[layer], raisedRows)
    })
    return withRouterRows(ours, part, rows)
  }
  return writeDerivedModel(own, outDir, { config, files: { 'config.json': text }, provide, originOf, signal })
}

/** Puts new experts after the model's own experts and before the silent rows. */
function inserted(rows: RouterRow[], experts: number, given: RouterRow[]): RouterRow[] {
  return [...rows.slice(0, experts), ...given, ...rows.slice(experts)]
}

function raised(row: RouterRow, by: number): RouterRow {
  return { ...row, bias: row.bias + by }
}

function chooseNewExperts(config: ModelConfig, { layers, experts, only }: GraftOptions): Grafted['newExperts'] {
  checkKind(config, only)
  const bad = layers?.find((layer) => layer >= config.layers)
  if (bad !== undefined)
    throw new UserError(`there is no layer ${bad}: the models have layers 0 to ${config.layers - 1}`)
  const newExperts = perMixture(config.mixtures, (mixture) =>
    mixture.experts.map((count, layer) => {
      const { kind } = mixture
      if ((only && only !== kind) || (layers && !layers.includes(layer)) || count === 0) return []
      const missing = experts?.find((id) => id >= count)
      if (missing !== undefined) {
        throw new UserError(
          `the giving model has no ${kind} expert ${missing} in layer ${layer}, only 0 to ${count - 1}`,
        )
      }
      const always = alwaysChosen(mixture, layer)
      const fixed = experts?.find((id) => always.includes(id))
      if (fixed !== undefined) {
        throw new UserError(`${kind} expert ${fixed} of layer ${layer} cannot be given: every token uses it`)
      }
      return experts ? [...experts] : [...Array(count).keys()].filter((id) => !always.includes(id))
    }),
  )
  if (Object.values(newExperts).some((given) => given.some((ids) => ids.length > 0))) return newExperts
  throw new UserError('the giving model has no experts in these layers')
}

/** Throws a UserError unless an expert of one model can work in the other. */
function checkShape(own: PackedModel, giver: PackedModel, name: string, giverName: string): void {
  for (const key of ['model_type', ...architectureOf(own.config).shapeKeys(own.config)]) {
    const [ours, theirs] = [own, giver].map(({ config }) => (key === 'model_type' ? config.modelType : config.raw[key]))
    if (ours !== theirs) throw new UserError(`${giverName} does not fit ${name}: its ${key} is ${theirs}, not ${ours}`)
  }
  for (const kind of MIXTURE_KINDS) {
    const [ours, theirs] = [own, giver].map(({ config }) => mixtureOf(config, kind)?.experts ?? [])
    const layer = theirs.findIndex((count, layer) => count > 0 && !ours[layer])
    if (layer >= 0) throw new UserError(`${name} has no ${kind} experts in layer ${layer}, but ${giverName} has`)
  }
  // The bytes of experts are copied unchanged.
  for (const { kind } of own.config.mixtures) {
    const [ours, theirs] = [own.formats[kind], giver.formats[kind]]
    if (ours === theirs) continue
    throw new UserError(
      `${giverName} does not fit ${name}: its ${kind} experts are packed as ${theirs}, not ${ours}; pack both alike`,
    )
  }
}
