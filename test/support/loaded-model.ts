import { type LoadedModel, loadWeights } from '#molm/engine/run/load.js'
import type { CacheType } from '#molm/index.js'
import { chooseKernels, type Tier } from '#molm/kernels/tiers/choose-kernels.js'
import { preparedModel } from '#molm/library/finding/resolve-model.js'
import { type ExpertsPerToken, withExpertsPerToken } from '#molm/model/config/experts-per-token.js'
import type { Quant } from '#molm/model/packing/format/formats.js'

export interface LoadedOptions {
  quant?: Quant
  tier?: Tier
  threads?: number
  /** Maximum bytes of weights. */
  memory?: number
  /** Maximum bytes of weights in one WebAssembly memory. */
  bankBytes?: number
  /** Number of positions, in place of the model's own limit. */
  positions?: number
  expertsPerToken?: ExpertsPerToken
  cacheType?: CacheType
}

/** Runs `use` with a model loaded on this thread, without an engine. */
export async function withLoaded<T>(
  path: string,
  { quant, tier, threads = 1, memory, bankBytes, positions, expertsPerToken, cacheType }: LoadedOptions,
  use: (loaded: LoadedModel) => Promise<T> | T,
): Promise<T> {
  const { config: own, formats, path: file, kind } = await preparedModel(path, { quant })
  const trained = { ...own, maxPositions: own.maxPositions && (positions ?? own.maxPositions) }
  const config = expertsPerToken === undefined ? trained : withExpertsPerToken(trained, expertsPerToken)
  const free = Number.MAX_SAFE_INTEGER
  const budget = { memory: memory ?? free, memoryIsGiven: memory !== undefined, free }
  const source = { config, formats, path: file, kind, cacheType, ...budget }
  const loaded = await loadWeights(source, chooseKernels(tier).bank, threads, bankBytes)
  try {
    return await use(loaded)
  } finally {
    await loaded.pool.close()
    loaded.close()
  }
}
