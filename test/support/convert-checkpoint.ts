import { localFolder } from '#molm/ground/files/local-folder.js'
import type { Quant } from '#molm/model/packing/format/formats.js'
import { type Conversion, convertSource, type PackOptions } from '#molm/model/packing/write/convert.js'
import { openCheckpointSource, type ReadBlueprint } from '#molm/model/packing/write/pack-source.js'

/** Packs the checkpoint in a folder, as `convertSource` does. */
export function convertCheckpoint(
  from: string,
  to: string,
  { quant, blueprint, ...options }: PackOptions & { quant: Quant; blueprint: ReadBlueprint },
): Promise<Conversion> {
  return convertSource(() => openCheckpointSource(localFolder(from), quant, blueprint), to, options)
}
