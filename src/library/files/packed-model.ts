import { UserError } from '../../ground/errors.js'
import type { Quant } from '../../model/packing/format/formats.js'
import { openPackedFile } from '../../model/packing/format/packed-file.js'
import type { FoundModel } from './found-model.js'
import { readConfig } from './model-config.js'

/** The model in a packed file, whose companions are in the folder `dir`. `wanted`: the packing that it must have. */
export async function packedModel(
  name: string,
  dir: string,
  path: string,
  wanted?: Quant,
): Promise<FoundModel<'packed'>> {
  const file = await openPackedFile(path)
  const { quant, formats, source, sourceRevision } = file.metadata
  if (wanted && wanted !== quant) throw new UserError(`${path} is packed as ${quant}, not ${wanted}; pack it again`)
  const read = await readConfig(dir, { packed: file })
  return { name, folder: dir, path, kind: 'packed', file, quant, formats, ...read, source, sourceRevision }
}
