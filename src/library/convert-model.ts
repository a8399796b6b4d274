import { existsSync } from 'node:fs'
import os from 'node:os'
import { EngineClient } from '../engine/client.js'
import { UserError } from '../errors.js'
import { expandHome } from '../files/home.js'
import { checkQuant, type Quant } from '../packing/format/formats.js'
import { type Conversion, type ConvertProgress, convertCheckpoint } from '../packing/write/convert.js'
import type { PackMatrix } from '../packing/write/pack.js'
import { checkThreads } from './load-options.js'
import { isName } from './model-folders.js'
import { readBlueprint } from './read-blueprint.js'
import { resolveModel } from './resolve-model.js'
import { storeTokenizer } from './store-tokenizer.js'

export interface ConvertOptions {
  /** Format to pack in. Default q4. */
  quant?: Quant
  /** Threads that pack. Default: the cores that this process may use. */
  threads?: number
  onProgress?: (progress: ConvertProgress) => void
  signal?: AbortSignal
}

/**
 * Packs a Hugging Face checkpoint, given by its folder or a name such as `nano`, into a folder of its own, with its
 * config.json and tokenizer files. A file gets its final name only when it is complete. Rejects with a UserError if the
 * checkpoint is incomplete.
 */
export async function convertModel(dir: string, out: string, options: ConvertOptions = {}): Promise<Conversion> {
  checkQuant(options.quant)
  const { quant = 'q4', threads = os.availableParallelism(), onProgress, signal } = options
  const folder = await checkpointFolder(dir)
  const packing = { quant, onProgress, signal, blueprint: readBlueprint }
  const conversion = await withPacker(threads, (pack) => convertCheckpoint(folder, out, { ...packing, pack }))
  await storeTokenizer(out)
  return conversion
}

/** Finds the folder of a checkpoint, by its path or a model's name. Rejects with a UserError if the model is packed. */
export async function checkpointFolder(dir: string): Promise<string> {
  const path = expandHome(dir)
  if (existsSync(path) || !isName(dir)) return path
  const { name, path: found, kind, quant } = await resolveModel(dir)
  if (kind === 'checkpoint') return found
  throw new UserError(`${name} is packed already, as ${quant}: only a checkpoint can be packed`)
}

/** Runs `work` with an engine that packs weights on its threads, and closes the engine afterwards. */
export async function withPacker<T>(threads: number, work: (pack: PackMatrix) => Promise<T>): Promise<T> {
  checkThreads(threads)
  const engine = await EngineClient.start({ threads })
  try {
    return await work((request) => {
      const buffers = [request.bytes, request.scales?.bytes].map((bytes) => bytes?.buffer)
      const transfer = buffers.filter((buffer) => buffer instanceof ArrayBuffer)
      return engine.call<Awaited<ReturnType<PackMatrix>>>({ kind: 'pack', request }, {}, transfer).reply
    })
  } finally {
    await engine.close()
  }
}
