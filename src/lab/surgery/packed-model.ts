import { realpath } from 'node:fs/promises'
import { resolve } from 'node:path'
import { UsageError } from '../../ground/errors.js'
import { type ByteSource, whileOpen } from '../../ground/files/byte-source.js'
import { openLocalFile } from '../../ground/files/local-folder.js'
import { convertModel } from '../../library/convert-model.js'
import type { FoundModel } from '../../library/files/found-model.js'
import { preparedModel } from '../../library/finding/resolve-model.js'
import type { ModelConfig } from '../../model/config/config.js'
import { blueprintOf, layoutOf } from '../../model/families/index.js'
import { checksumsOf } from '../../model/packing/format/checksums.js'
import type { PartFormats, Quant } from '../../model/packing/format/formats.js'
import type { Layout } from '../../model/packing/format/layout.js'
import { checkParts, openPackedFile, type PackedFile } from '../../model/packing/format/packed-file.js'
import { differs } from '../../model/packing/format/packed-metadata.js'
import { asOnlyWriter } from '../../model/packing/write/only-writer.js'
import { inPackingFolder } from './packing-folder.js'

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

interface PackingOptions {
  quant?: Quant
  threads?: number
  signal?: AbortSignal
}

type Use<T> = (packed: PackedModel, found: FoundModel) => Promise<T>

/**
 * Opens a model by name as a packed one, to write another into `outDir`, and keeps other processes from writing there.
 * A checkpoint is packed first, into a folder beside `outDir` that is removed afterwards. `loadModel` takes the `path`
 * of what was found in either case.
 */
export async function withPackedModel<T>(
  name: string,
  outDir: string,
  options: PackingOptions,
  use: Use<T>,
): Promise<T> {
  const found = await findOther(name, outDir, options)
  return asOnlyWriter(outDir, () => openPacked(found, outDir, options, use))
}

/** Opens a second model for the same `outDir`, as `withPackedModel` does. */
export async function withSecondModel<T>(
  name: string,
  outDir: string,
  options: PackingOptions,
  use: Use<T>,
): Promise<T> {
  return openPacked(await findOther(name, outDir, options), outDir, options, use)
}

async function findOther(name: string, outDir: string, options: PackingOptions): Promise<FoundModel> {
  const found = await preparedModel(name, options)
  // Either may be a link to the other.
  const [own, out] = await Promise.all([found.folder, outDir].map((dir) => realpath(dir).catch(() => resolve(dir))))
  if (own === out) throw new UsageError(`${outDir} is the model itself; give another folder`)
  return found
}

async function openPacked<T>(found: FoundModel, outDir: string, options: PackingOptions, use: Use<T>): Promise<T> {
  const open = (opened: FoundModel) =>
    whileOpen(PackedModel.open(opened.folder, opened.path, opened.config), (packed) => use(packed, opened))
  if (found.kind === 'packed') return open(found)
  return inPackingFolder(outDir, async (folder) => {
    // The caller's options have more names, such as a pruning's `calibrate`.
    const { threads, signal } = options
    const { path } = await convertModel(found.path, folder, { quant: found.quant, threads, signal })
    return open({ ...found, folder, path, kind: 'packed' })
  })
}
