import { type LoadedModel, loadWeights } from '#molm/engine/load.js'
import { resolveModel } from '#molm/library/resolve-model.js'
import type { Quant } from '#molm/packing/format/formats.js'
import { chooseKernels, type Tier } from '#molm/runtime/tiers/choose-kernels.js'

export interface LoadedOptions {
  quant?: Quant
  tier?: Tier
  threads?: number
  /** Most bytes of weights. */
  memory?: number
  /** Most bytes of weights in one WebAssembly memory. */
  bankBytes?: number
  /** Positions of a model that has a limit, in place of its own. */
  positions?: number
}

/** Runs `use` with the weights of a model on this thread, without an engine around it. */
export async function withLoaded<T>(
  path: string,
  { quant, tier, threads = 1, memory, bankBytes, positions }: LoadedOptions,
  use: (loaded: LoadedModel) => Promise<T> | T,
): Promise<T> {
  const { config: own, formats, path: file, kind } = await resolveModel(path, quant)
  const config = { ...own, maxPositions: own.maxPositions && (positions ?? own.maxPositions) }
  const free = Number.MAX_SAFE_INTEGER
  const budget = { memory: memory ?? free, memoryIsGiven: memory !== undefined, free }
  const source = { config, formats, path: file, kind, ...budget }
  const loaded = await loadWeights(source, chooseKernels(tier).bank, threads, bankBytes)
  try {
    return await use(loaded)
  } finally {
    await loaded.pool.close()
    loaded.close()
  }
}
