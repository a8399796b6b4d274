import { MATRIX } from '../runner/lanes.js'

type Axes = Record<string, readonly unknown[]>
type Point<A extends Axes> = { [K in keyof A]: A[K][number] }

/**
 * Combinations of the values of axes. The lanes matrix and all get all of them; others get few, and each two values of
 * different axes still meet: most faults need no more than two.
 */
export function combinations<A extends Axes>(axes: A, isMatrix = process.env[MATRIX] !== undefined): Point<A>[] {
  const names = Object.keys(axes)
  let all: Record<string, number>[] = [{}]
  for (const name of names) all = all.flatMap((point) => axes[name].map((_, i) => ({ ...point, [name]: i })))
  const chosen = isMatrix ? all : pairwise(all, names)
  return chosen.map((point) => Object.fromEntries(names.map((name) => [name, axes[name][point[name]]])) as Point<A>)
}

/** Tuples of numbers, written as 8x32. */
export const tuples = (text: string): number[][] => text.split(' ').map((tuple) => tuple.split('x').map(Number))

/** Takes the point with the most new pairs until no pair is left. */
function pairwise(all: Record<string, number>[], names: string[]): Record<string, number>[] {
  if (names.length < 2) return all
  const numbers = new Map<string, number>()
  const numberOf = (pair: string) => {
    const number = numbers.get(pair) ?? numbers.size
    numbers.set(pair, number)
    return number
  }
  const pairs = all.map((point) =>
    names.flatMap((a, i) => names.slice(i + 1).map((b) => numberOf(`${a} ${point[a]} ${b} ${point[b]}`))),
  )
  const isMet = new Uint8Array(numbers.size)
  const chosen: Record<string, number>[] = []
  for (let left = numbers.size; left > 0; ) {
    let [best, most] = [0, 0]
    for (const [i, own] of pairs.entries()) {
      let gain = 0
      for (const pair of own) gain += 1 - isMet[pair]
      if (gain > most) [best, most] = [i, gain]
    }
    for (const pair of pairs[best]) isMet[pair] = 1
    left -= most
    chosen.push(all[best])
  }
  return chosen
}
