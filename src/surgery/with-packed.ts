import { mkdtemp, rm } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { UsageError } from '../errors.js'
import { makeFolder } from '../files/folders.js'
import { convertModel } from '../library/convert-model.js'
import { type FoundModel, resolveModel } from '../library/resolve-model.js'
import type { Quant } from '../packing/format.js'
import { PackedModel } from '../packing/packed-model.js'

/**
 * Opens a model by name as a packed one. A checkpoint is packed first, into a folder beside `outDir` that is gone
 * afterwards; `path` is what `loadModel` is to be given in either case.
 */
export async function withPackedModel<T>(
  name: string,
  outDir: string,
  options: { quant?: Quant; threads?: number; signal?: AbortSignal },
  use: (packed: PackedModel, found: FoundModel) => Promise<T>,
): Promise<T> {
  const found = await resolveModel(name, options.quant)
  if (resolve(found.folder) === resolve(outDir))
    throw new UsageError(`${outDir} is the model itself; give another folder`)
  if (found.kind === 'packed') return withOpen(found, use)
  const parent = dirname(resolve(outDir))
  await makeFolder(parent)
  const folder = await mkdtemp(join(parent, '.molm-packing-'))
  try {
    const { path } = await convertModel(found.path, folder, { ...options, quant: found.quant })
    return await withOpen({ ...found, folder, path, kind: 'packed' }, use)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function withOpen<T>(found: FoundModel, use: (packed: PackedModel, found: FoundModel) => Promise<T>): Promise<T> {
  const packed = await PackedModel.open(found.folder, found.path, found.config)
  try {
    return await use(packed, found)
  } finally {
    await packed.close()
  }
}
