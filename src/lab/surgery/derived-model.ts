import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { FileSet } from '../../ground/files/byte-source.js'
import { localFolder } from '../../ground/files/local-folder.js'
import { storeTokenizer } from '../../library/packing/store-tokenizer.js'
import type { Mixture, ModelConfig, PerMixture } from '../../model/config/config.js'
import { layoutOf } from '../../model/families/index.js'
import { isAtlas } from '../../model/packing/format/companions.js'
import type { PartFormats, WeightFormat } from '../../model/packing/format/formats.js'
import type { Part } from '../../model/packing/format/layout.js'
import type { PackedMetadata } from '../../model/packing/format/packed-metadata.js'
import { createPackedFile } from '../../model/packing/write/packed-file-writer.js'
import { stageModel } from '../../model/packing/write/staged-model.js'
import { configWithExperts, type MolmExperts } from './derived-config.js'
import type { PackedModel } from './packed-model.js'
import { type RouterRow, routerRowsOf, withRouterRows } from './router-rows.js'

/** A part with the experts of a layer, or with the rest of it. */
export type LayerPart = Part & { layer: number }
export type ExpertPart = LayerPart & Required<Pick<Part, 'expert'>>

export interface Origin {
  model: PackedModel
  part: Part
}

export interface DerivedModel {
  experts: MolmExperts
  /** Texts of other files for the new folder, by name; all that are not among them are copied from the model. */
  files?: Record<string, string>
  /** The part that an expert is a copy of; undefined for a new one. Default: the part of its name. */
  originOf?: (part: ExpertPart) => Origin | undefined
  newExpert?: (part: ExpertPart) => Uint8Array
  rows(mixture: Mixture, part: LayerPart, own: RouterRow[]): RouterRow[] | Promise<RouterRow[]>
  /** Accounts of what was taught to it. Default: as of the model that it is made from, without the gates to choose. */
  taught?: PackedMetadata['taught']
  signal?: AbortSignal
}

/**
 * Writes a packed model made from another into `outDir`, completely or not at all. All parts but experts and routers are
 * copied. Resolves with the bytes of its file.
 */
export async function writeDerivedModel(from: PackedModel, outDir: string, derived: DerivedModel): Promise<number> {
  const { experts, newExpert, signal } = derived
  const originOf = derived.originOf ?? (({ name }) => copyOf(from, from.layout.find(name)))
  const { metadata } = from.file
  // The gates were measured in the model that it is made from.
  const taught = derived.taught ?? metadata.taught?.map(({ gates: _, ...account }) => account)
  const { text, config } = await configWithExperts(from.folder, experts)
  const formats = derivedFormats(from, config, originOf)
  const layout = layoutOf(config, formats)
  const provide = async (part: Part): Promise<Uint8Array> => {
    const { name, layer } = part
    if (isExpert(part)) {
      const origin = originOf(part)
      if (origin) return origin.model.read(origin.part.name)
      if (newExpert) return newExpert(part)
      throw new RangeError(`the model has no part ${name}`)
    }
    const bytes = await from.read(name)
    if (layer === undefined) return bytes
    const own = from.layout.part(name)
    const rows: PerMixture<RouterRow[]> = {}
    // All routers of the layer: if the model has a bias, each has a piece for it.
    for (const mixture of from.config.mixtures.filter(({ experts }) => experts[layer] > 0)) {
      const before = routerRowsOf(own, bytes, from.config, mixture.kind)
      rows[mixture.kind] = await derived.rows(mixture, { ...part, layer }, before)
    }
    return withRouterRows({ part: own, bytes }, part, rows)
  }
  const files = { 'config.json': text, ...derived.files }
  const staged = await stageModel(withoutAtlas(localFolder(from.folder)), outDir, metadata.quant, { files })
  try {
    const about = { ...metadata, formats, files: staged.files, ...(taught && { taught }) }
    const file = await createPackedFile(staged.weights, layout, about)
    try {
      for (const part of layout.parts) {
        signal?.throwIfAborted()
        await file.write(part, await provide(part))
      }
      await file.finish()
    } catch (error) {
      await file.abort()
      throw error
    }
    await staged.publish()
    // A folder with the same config.json keeps its files, though other experts may have been chosen.
    for (const name of (await readdir(outDir)).filter(isAtlas)) await rm(join(outDir, name))
    await storeTokenizer(outDir)
    return file.bytes
  } catch (error) {
    await staged.discard()
    throw error
  }
}

/** Formats of a derived model: a copy of an expert keeps the formats of its matrices under its new id. */
function derivedFormats(
  from: PackedModel,
  config: ModelConfig,
  originOf: NonNullable<DerivedModel['originOf']>,
): PartFormats {
  const { pieces: _, ...kinds } = from.formats
  const pieces: Record<string, WeightFormat> = {}
  for (const part of layoutOf(config, kinds).parts) {
    const origin = isExpert(part) ? originOf(part)?.part : from.layout.find(part.name)
    for (const { name, kind, format } of part.pieces) {
      const found = origin?.pieces.find((piece) => piece.name === name)?.format ?? format
      if (kind === 'matrix' && found !== format) pieces[`${part.name}/${name}`] = found
    }
  }
  return { ...kinds, ...(Object.keys(pieces).length > 0 && { pieces }) }
}

export function isExpert(part: Part): part is ExpertPart {
  return part.expert !== undefined && part.layer !== undefined
}

/** The expert of a model as the origin of another; undefined if it has none. */
export function copyOf(model: PackedModel, part: Part | undefined): Origin | undefined {
  return part && { model, part }
}

/** Leaves out names of experts: a model that is made from this one has other experts under their ids. */
function withoutAtlas(folder: FileSet): FileSet {
  return {
    name: folder.name,
    list: async () => (await folder.list()).filter((file) => !isAtlas(file)),
    open: (file) => folder.open(file),
  }
}
