import { basename, dirname } from 'node:path'
import { blueprintOf, parseConfig } from '#molm/architectures/index.js'
import { localFolder } from '#molm/checkpoint/local-folder.js'
import { ggufBlueprint } from '#molm/gguf/blueprint.js'
import { ggufConfig } from '#molm/gguf/config.js'
import { ggufFormats } from '#molm/gguf/formats.js'
import { openGguf } from '#molm/gguf/gguf-file.js'
import type { Quant } from '#molm/packing/format/formats.js'
import { convertSource } from '#molm/packing/write/convert.js'
import { bankOf, pack } from './kernel-bench.js'
import { MemoryFiles } from './memory-files.js'

/** Packs a GGUF file into a folder on this thread. Without `quant` the file's matrices keep their own formats. */
export async function packGguf(path: string, out: string, quant?: Quant): Promise<void> {
  const bank = bankOf('relaxed')
  const open = async () => {
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
  }
  await convertSource(open, out, { pack: async (request) => pack(bank, request) })
}
