import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { blueprintOf, layoutOf } from '../architectures/index.js'
import type { ByteSource, FileSet } from '../checkpoint/byte-source.js'
import { localFolder, openLocalFile } from '../checkpoint/local-folder.js'
import { storeTokenizer } from '../library/store-tokenizer.js'
import type { ModelConfig } from '../model/config.js'
import { checksumsOf } from '../packing/format/checksums.js'
import { isAtlas } from '../packing/format/companions.js'
import type { PartFormats, WeightFormat } from '../packing/format/formats.js'
import type { Layout, Part } from '../packing/format/layout.js'
import { checkParts, openPackedFile, type PackedFile } from '../packing/format/packed-file.js'
import { differs, type PackedMetadata } from '../packing/format/packed-metadata.js'
import { createPackedFile } from '../packing/write/packed-file-writer.js'
import { stageModel } from '../packing/write/staged-model.js'

/** A packed model whose parts can be read to make another model. */
export class PackedModel {
  private constructor(
    readonly folder: string,
    readonly config: ModelConfig,
    readonly file: PackedFile,
    readonly layout: Layout,
    private readonly source: ByteSource,
  ) {}

  /** Opens the packed file `path` of a model in `folder`. Rejects with a UserError if it belongs to another model. */
  static async open(folder: string, path: string, config: ModelConfig): Promise<PackedModel> {
    const file = await openPackedFile(path)
    checkParts(file, blueprintOf(config))
    const layout = layoutOf(config, file.metadata.formats)
    return new PackedModel(folder, config, file, layout, await openLocalFile(path))
  }

  get formats(): PartFormats {
    return this.file.metadata.formats
  }

  /** Reads the bytes of a part. Rejects with a UserError if they do not match their checksum. */
  async read(name: string): Promise<Uint8Array> {
    const range = this.file.parts.get(name)
    if (range === undefined) throw new RangeError(`${this.file.path} has no part ${name}`)
    const bytes = await this.source.read(range.offset, range.bytes)
    if (checksumsOf(bytes).sha256 !== range.sha256) throw differs(this.file.path, name)
    return bytes
  }

  close(): Promise<void> {
    return this.source.close()
  }
}

export interface DerivedModel {
  config: ModelConfig
  /** Texts of files for the new folder, by name, config.json included; other files are copied from the model. */
  files: Record<string, string>
  /** Gives the bytes of a part of the new model. */
  provide: (part: Part) => Promise<Uint8Array>
  /** Finds the part that an expert of the new model is a copy of; undefined for a new one. Default: that of its name. */
  originOf?: (part: Part) => Part | undefined
  /** Accounts of what was taught to it. Default: those of the model that it is made from. */
  taught?: PackedMetadata['taught']
  signal?: AbortSignal
}

/**
 * Writes a packed model made from another into `outDir`, completely or not at all. Resolves with the bytes of its file.
 */
export async function writeDerivedModel(from: PackedModel, outDir: string, derived: DerivedModel): Promise<number> {
  const { config, files, provide, taught, signal } = derived
  const { metadata } = from.file
  const formats = derivedFormats(from, derived)
  const layout = layoutOf(config, formats)
  const staged = await stageModel(withoutAtlas(localFolder(from.folder)), outDir, metadata.quant, { files })
  try {
    const file = await createPackedFile(staged.weights, layout, {
      ...metadata,
      formats,
      files: staged.files,
      ...(taught && { taught }),
    })
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
function derivedFormats(from: PackedModel, { config, originOf = ({ name }) => from.layout.find(name) }: DerivedModel) {
  const { pieces: own, ...kinds } = from.formats
  const pieces: Record<string, WeightFormat> = {}
  for (const part of layoutOf(config, kinds).parts) {
    const origin = part.expert ? originOf(part) : from.layout.find(part.name)
    if (!origin) continue
    for (const { name, kind, format } of part.pieces) {
      const { format: found } = origin.pieces.find((piece) => piece.name === name) ?? { format }
      if (kind === 'matrix' && found !== format) pieces[`${part.name}/${name}`] = found
    }
  }
  return { ...kinds, ...(Object.keys(pieces).length > 0 && { pieces }) }
}

/** Leaves out names of experts, which would be those of other experts in a model that is made from this one. */
function withoutAtlas(folder: FileSet): FileSet {
  return {
    name: folder.name,
    list: async () => (await folder.list()).filter((file) => !isAtlas(file)),
    open: (file) => folder.open(file),
  }
}
