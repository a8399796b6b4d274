import { resolve } from 'node:path'
import { UserError } from '../../ground/errors.js'
import { resolveModel } from '../../library/finding/resolve-model.js'
import {
  MIXTURE_KINDS,
  type MixtureKind,
  type ModelConfig,
  mixtureOf,
  type PerMixture,
  perMixture,
} from '../../model/config/config.js'
import { alwaysChosen } from '../../model/config/routing.js'
import { architectureOf } from '../../model/families/index.js'
import type { Quant } from '../../model/packing/format/formats.js'
import { packedFileName } from '../../model/packing/format/packed-folder.js'
import { molmExperts } from './derived-config.js'
import { copyOf, writeDerivedModel } from './derived-model.js'
import { type PackedModel, withPackedModel, withSecondModel } from './packed-model.js'
import { routerRowsOf } from './router-rows.js'
import { checkKind } from './selection.js'

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
  path: string
  bytes: number
  /** The new experts' ids in the giving model, by mixture and layer; in the new model they follow its own experts. */
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

function writeGrafted(
  own: PackedModel,
  giver: PackedModel,
  outDir: string,
  newExperts: Grafted['newExperts'],
  { gateBias = 0, signal }: GraftOptions,
): Promise<number> {
  const given = (kind: MixtureKind, layer: number) => newExperts[kind]?.[layer] ?? []
  return writeDerivedModel(own, outDir, {
    experts: molmExperts(own.config, {
      count: ({ kind, experts }, layer) => experts[layer] + given(kind, layer).length,
      gateBias: gateBias !== 0 || own.config.gateBias || giver.config.gateBias,
    }),
    // The model's own experts keep their numbers, and their parts' names.
    originOf: ({ name, layer, expert: { kind, id } }) => {
      const place = id - own.layout.experts(layer, kind).length
      return place < 0
        ? copyOf(own, own.layout.find(name))
        : copyOf(giver, giver.layout.experts(layer, kind)[given(kind, layer)[place]])
    },
    rows: async ({ kind, experts }, { name, layer }, rows) => {
      if (given(kind, layer).length === 0) return rows
      const theirs = routerRowsOf(giver.layout.part(name), await giver.read(name), giver.config, kind)
      const added = given(kind, layer).map((id) => ({ ...theirs[id], bias: theirs[id].bias + gateBias }))
      // Silent rows come last.
      return rows.toSpliced(experts[layer], 0, ...added)
    },
    signal,
  })
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
