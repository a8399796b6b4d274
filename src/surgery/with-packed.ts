import { realpath } from 'node:fs/promises'
import { resolve } from 'node:path'
import { UsageError } from '../errors.js'
import { convertModel } from '../library/convert-model.js'
import { preparedModel } from '../library/prepared-model.js'
import type { FoundModel } from '../library/resolve-model.js'
import type { Quant } from '../packing/format/formats.js'
import { asOnlyWriter } from '../packing/write/only-writer.js'
import { PackedModel } from './packed-model.js'
import { inPackingFolder } from './packing-folder.js'

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
  if (found.kind === 'packed') return withOpen(found, use)
  return inPackingFolder(outDir, async (folder) => {
    // The caller's options have more names, such as a pruning's `calibrate`.
    const { threads, signal } = options
    const { path } = await convertModel(found.path, folder, { quant: found.quant, threads, signal })
    return withOpen({ ...found, folder, path, kind: 'packed' }, use)
  })
}

async function withOpen<T>(found: FoundModel, use: Use<T>): Promise<T> {
  const packed = await PackedModel.open(found.folder, found.path, found.config)
  try {
    return await use(packed, found)
  } finally {
    await packed.close()
  }
}
