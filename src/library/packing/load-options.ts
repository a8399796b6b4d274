import { checkOptions } from '../../api/generation-options.js'
import type { LoadOptions } from '../../api/model.js'
import { UsageError } from '../../ground/errors.js'
import { option, phrase } from '../../ground/message.js'
import { checkOneOf, checkOptionNames, checkSwitches } from '../../ground/option-checks.js'
import { MAX_THREADS } from '../../kernels/abi/control.js'

export { MAX_THREADS } from '../../kernels/abi/control.js'

const KNOWN: Record<keyof LoadOptions, true> = {
  quant: true,
  threads: true,
  memory: true,
  cacheType: true,
  expertsPerToken: true,
  checkExperts: true,
  generation: true,
  kernels: true,
  v8Flags: true,
  onPacking: true,
  onWarning: true,
  signal: true,
}

export const CACHE_TYPES = ['bf16', 'q8'] as const

const KERNELS: readonly LoadOptions['kernels'][] = ['relaxed', 'plain', 'scalar']

/** Throws a UsageError that names the first invalid option of loading. `quant` is checked when the model is found. */
export function checkLoadOptions(options: LoadOptions): void {
  checkOptionNames(options, KNOWN, 'loadModel')
  const { threads, memory, cacheType, kernels, generation = {} } = options
  if (threads !== undefined) checkThreads(threads)
  if (memory !== undefined && !(typeof memory === 'number' && memory > 0)) {
    throw new UsageError(phrase`${option('memory')} must be a number of bytes above 0`)
  }
  checkOptions(generation)
  checkOneOf('cacheType', cacheType, CACHE_TYPES)
  checkOneOf('kernels', kernels, KERNELS)
  checkSwitches(options, ['checkExperts', 'v8Flags'])
}

/** Throws a UsageError unless an engine can have this number of threads. */
export function checkThreads(threads: number): void {
  if (Number.isInteger(threads) && threads >= 1 && threads <= MAX_THREADS) return
  throw new UsageError(phrase`${option('threads')} must be a whole number from 1 to ${MAX_THREADS}`)
}
