import { basename, dirname, join } from 'node:path'
import { blueprintOf, parseConfig } from '#molm/architectures/index.js'
import { localFolder } from '#molm/checkpoint/local-folder.js'
import { ggufBlueprint } from '#molm/gguf/blueprint.js'
import { ggufConfig } from '#molm/gguf/config.js'
import { ggufFormats } from '#molm/gguf/formats.js'
import { openGguf } from '#molm/gguf/gguf-file.js'
import { withPacker } from '#molm/library/with-packer.js'
import type { Quant } from '#molm/packing/format/formats.js'
import { convertSource } from '#molm/packing/write/convert.js'
import { MemoryFiles } from './memory-files.js'

/** Packs a GGUF file into a folder beside it, and returns the folder. */
export async function packGguf(path: string, quant: Quant): Promise<string> {
  const out = join(dirname(path), `${basename(path)}-${quant}`)
  await withPacker(1, (pack) =>
    convertSource(
      async () => {
        const file = await openGguf(localFolder(dirname(path)), basename(path))
        const json = ggufConfig(file)
        const blueprint = ggufBlueprint(blueprintOf(parseConfig(json, path)), file)
        return {
          name: file.name,
          tensors: file.tensors,
          files: [],
          blueprint,
          companions: new MemoryFiles({ 'config.json': JSON.stringify(json) }),
          ...ggufFormats(blueprint, file, quant),
          close: () => file.close(),
        }
      },
      out,
      { pack },
    ),
  )
  return out
}
