import { blueprintOf, layoutOf } from '../architectures/index.js'
import type { ByteSource } from '../checkpoint/byte-source.js'
import { openLocalFile } from '../checkpoint/local-folder.js'
import type { ModelConfig } from '../model/config.js'
import { checksumsOf } from '../packing/format/checksums.js'
import type { PartFormats } from '../packing/format/formats.js'
import type { Layout } from '../packing/format/layout.js'
import { checkParts, openPackedFile, type PackedFile } from '../packing/format/packed-file.js'
import { differs } from '../packing/format/packed-metadata.js'

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
