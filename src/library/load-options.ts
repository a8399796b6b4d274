import type { LoadOptions } from '../api/model.js'
import { UsageError } from '../errors.js'
import { checkOneOf, checkOptionNames, checkSwitches } from '../option-checks.js'
import { checkThreads } from './thread-limit.js'

const KNOWN: Record<keyof LoadOptions, true> = {
  quant: true,
  threads: true,
  memory: true,
  checkExperts: true,
  kernels: true,
  v8Flags: true,
  onWarning: true,
  signal: true,
}

const KERNELS: readonly LoadOptions['kernels'][] = ['relaxed', 'plain', 'scalar']

/** Throws a UsageError that names the first option of loading which cannot be meant. The quant is the model's affair. */
export function checkLoadOptions(options: LoadOptions): void {
  checkOptionNames(options, KNOWN, 'loadModel')
  const { threads, memory, kernels } = options
  if (threads !== undefined) checkThreads(threads)
  if (memory !== undefined && !(typeof memory === 'number' && memory > 0)) {
    throw new UsageError('`memory` must be a number of bytes above 0')
  }
  checkOneOf('kernels', kernels, KERNELS)
  checkSwitches(options, ['checkExperts', 'v8Flags'])
}
