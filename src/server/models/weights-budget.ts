import { formatSize } from '../../ground/numbers.js'
import { ApiError } from '../common/api-error.js'
import type { ProcessMemory } from '../run/memory.js'
import type { ServedModel } from './served-model.js'

/** Memory that the weights of all models may have together. */
export interface WeightsMemory {
  /** Most bytes, if the user has set a limit. */
  limit?: number
  /** Free memory of the process; unused with a limit. Default: no bound. */
  process?: ProcessMemory
  /** Bytes that weights leave free, for caches and everything else. Default: 0. */
  margin?: number
}

/** Divides the memory for weights among the loaded models. */
export class WeightsBudget {
  /** Bytes of weights that each loaded model may have. */
  private readonly granted = new Map<ServedModel, number>()

  constructor(private readonly memory: WeightsMemory) {}

  /**
   * Memory for the weights of a model while `others` are loaded; undefined if one of them must go first. Alone, a model
   * that is too large gets what there is, and reads experts on demand. Throws an ApiError if that is less than it needs.
   */
  for(served: ServedModel, others: readonly ServedModel[]): { memory?: number } | undefined {
    const { limit } = this.memory
    const { bytes, leastBytes } = served.outline.info
    const left = limit === undefined ? this.free(others) : limit - this.grantedTo(others)
    if (bytes <= left) return { memory: limit === undefined ? undefined : bytes }
    if (others.length > 0) return undefined
    const most = limit ?? left + (this.memory.margin ?? 0)
    if (leastBytes > most) throw tooLarge(served, leastBytes, most)
    return { memory: limit }
  }

  /** Memory for the weights of a model that is loaded first; its engine checks it. */
  alone(served: ServedModel): number | undefined {
    const { limit } = this.memory
    return limit && served.known && Math.min(limit, served.known.info.bytes)
  }

  /** Records the memory that a model has got, or that it has none any more. */
  grant(served: ServedModel, memory: number | undefined): void {
    if (memory === undefined) this.granted.delete(served)
    else this.granted.set(served, memory)
  }

  private grantedTo(others: readonly ServedModel[]): number {
    return others.reduce((sum, other) => sum + (this.granted.get(other) ?? other.outline.info.bytes), 0)
  }

  private free(others: readonly ServedModel[]): number {
    const { process, margin = 0 } = this.memory
    if (!process) return Number.POSITIVE_INFINITY
    return process.available() - margin - others.reduce((sum, other) => sum + other.memory.toCome, 0)
  }
}

function tooLarge({ id }: ServedModel, least: number, most: number): ApiError {
  const message = `${id} needs at least ${formatSize(least)} of memory; it can have ${formatSize(Math.max(0, most))}`
  return new ApiError(503, message, { param: 'model', code: 'no_memory' })
}
