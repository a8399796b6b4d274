import { layoutOf } from '../architectures/index.js'
import { UserError } from '../errors.js'
import type { LoadOptions } from '../generation/types.js'
import { verifyChecksums } from '../packing/checksums.js'
import { checkParts, openPackedFile } from '../packing/packed-file.js'
import { resolveModel } from './resolve-model.js'

/**
 * Reads a whole packed model and compares every part with the checksum written when it was packed. Rejects with a
 * UserError that names the part which differs, or when the model is not packed and so has no checksums.
 */
export async function verifyModel(
  name: string,
  options: Pick<LoadOptions, 'quant' | 'signal'> = {},
): Promise<{ path: string; parts: number; bytes: number }> {
  const { path, kind, config, formats } = await resolveModel(name, options.quant)
  if (kind !== 'packed') {
    throw new UserError(`${path}: a checkpoint has no checksums of its own; only packed models can be verified`)
  }
  const file = await openPackedFile(path)
  const layout = layoutOf(config, formats)
  checkParts(file, layout)
  await verifyChecksums(file, options.signal)
  return { path, parts: layout.parts.length, bytes: layout.bytes }
}
