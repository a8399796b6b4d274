import { plural } from '../../../ground/numbers.js'
import { printable } from '../../../ground/printable.js'
import { licencesLeftOut } from '../format/companions.js'
import type { NonFinite } from './pack.js'

const MOST_LINES = 10

/** Warnings of tensors with NaN or infinite weights, one line each for the first, and one for the others. */
export function nonFiniteWeights(found: readonly NonFinite[]): string[] {
  const counts = new Map<string, number>()
  for (const { tensor, count } of found) counts.set(tensor, (counts.get(tensor) ?? 0) + count)
  const lines = [...counts].map(
    ([tensor, count]) =>
      `tensor ${tensor} has ${plural(count, 'weight')} that ${count === 1 ? 'is' : 'are'} NaN or infinite; what the model computes may be meaningless`,
  )
  const others = [...counts.values()].slice(MOST_LINES)
  if (others.length === 0) return lines
  const sum = others.reduce((all, count) => all + count, 0)
  return [...lines.slice(0, MOST_LINES), `${plural(others.length, 'more tensor')} with ${plural(sum, 'such weight')}`]
}

/** Warning of tensors that the model does not use, if any. */
export function unknownTensors(names: readonly string[]): string[] {
  if (names.length === 0) return []
  return [`left out tensors that the model does not use: ${firstOf(names)}`]
}

export function unfitLicences(files: readonly string[]): string[] {
  const names = licencesLeftOut(files)
  if (names.length === 0) return []
  return [`left out files whose names are too long or could steer a terminal: ${firstOf(names)}`]
}

function firstOf(names: readonly string[]): string {
  const shown = names.slice(0, 3).map((name) => printable(name))
  return `${shown.join(', ')}${names.length > 3 ? ` and ${names.length - 3} more` : ''}`
}
