import type { ModelInfo } from '../api/model.js'
import { UserError } from '../ground/errors.js'
import { option, phrase } from '../ground/message.js'
import { formatSize } from '../ground/numbers.js'
import { availableMemory, MARGIN } from './available-memory.js'

/** Fields of a model that decide its share of the memory. */
export type MemoryNeed = Pick<ModelInfo, 'name' | 'kind' | 'path' | 'quant' | 'bytes' | 'leastBytes'>

/**
 * Divides the memory between models that are loaded at the same time. Returns the `memory` option of each, so that
 * together they stay within `memory`, or within `free` bytes without it. Throws a UserError if `memory` is too little
 * for all. Entries are undefined if the models need no limit: all fit, or even their minimum does not.
 */
export function shareMemory(
  models: readonly MemoryNeed[],
  memory?: number,
  free: number = availableMemory() - MARGIN,
): (number | undefined)[] {
  const shares = divide(memory ?? free, models)
  if (shares)
    return memory === undefined && shares.every((bytes, i) => bytes >= models[i].bytes)
      ? models.map(() => undefined)
      : shares
  if (memory === undefined) return models.map(() => undefined)
  const needs = models.map(({ name, leastBytes }) => `${name} needs ${formatSize(leastBytes)}`)
  const whole = models.filter(({ kind }) => kind !== 'packed').sort((a, b) => b.bytes - a.bytes)[0]
  const remedy = whole
    ? `\n${whole.name} is held whole; packed, it needs less: molm convert ${whole.path} OUT --quant ${whole.quant}`
    : ''
  throw new UserError(
    phrase`${option('memory')} ${formatSize(memory)} is too little for both: ${needs.join(', ')}${remedy}`,
  )
}

/**
 * Gives each model its minimum, and shares the rest in proportion to what each could still use. Undefined if the limit
 * is below the sum of the minima.
 */
function divide(limit: number, models: readonly MemoryNeed[]): number[] | undefined {
  const sum = (of: (model: MemoryNeed) => number) => models.reduce((total, model) => total + of(model), 0)
  const spare = limit - sum(({ leastBytes }) => leastBytes)
  if (spare < 0) return undefined
  const wanted = sum(({ bytes, leastBytes }) => bytes - leastBytes)
  const share = wanted === 0 ? 0 : Math.min(1, spare / wanted)
  return models.map(({ bytes, leastBytes }) => leastBytes + Math.floor((bytes - leastBytes) * share))
}
