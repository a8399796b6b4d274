import { plural } from '../numbers.js'
import { printable } from '../printable.js'
import type { NonFinite } from './pack.js'

/** One line for each tensor with NaN or infinite weights. */
export function nonFiniteWeights(found: readonly NonFinite[]): string[] {
  const counts = new Map<string, number>()
  for (const { tensor, count } of found) counts.set(tensor, (counts.get(tensor) ?? 0) + count)
  return [...counts].map(
    ([tensor, count]) =>
      `tensor ${tensor} has ${plural(count, 'weight')} that ${count === 1 ? 'is' : 'are'} NaN or infinite; what the model computes may be meaningless`,
  )
}

/** One line for the tensors that have no place in the model, if any. */
export function unknownTensors(names: readonly string[]): string[] {
  if (names.length === 0) return []
  const shown = names.slice(0, 3).map(printable).join(', ')
  const more = names.length > 3 ? ` and ${names.length - 3} more` : ''
  return [`the checkpoint has tensors that no such model uses, left out: ${shown}${more}`]
}
