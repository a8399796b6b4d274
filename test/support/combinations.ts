import { MATRIX } from '../runner/lanes.js'

type Axes = Record<string, readonly unknown[]>
type Point<A extends Axes> = { [K in keyof A]: A[K][number] }

/**
 * Combinations of the values of axes. The matrix lane gets all of them. Others get few, but each two values of
 * different axes still meet: most faults need no more than two.
 */
export function combinations<A extends Axes>(axes: A, isMatrix = process.env[MATRIX] !== undefined): Point<A>[] {
  const names = Object.keys(axes)
  let all: Record<string, number>[] = [{}]
  for (const name of names) all = all.flatMap((point) => axes[name].map((_, i) => ({ ...point, [name]: i })))
  const chosen = isMatrix ? all : pairwise(all, names)
  return chosen.map((point) => Object.fromEntries(names.map((name) => [name, axes[name][point[name]]])) as Point<A>)
}

/** Takes the point with the most new pairs until no pair is left. */
function pairwise(all: Record<string, number>[], names: string[]): Record<string, number>[] {
  if (names.length < 2) return all
  const pairsOf = (point: Record<string, number>) =>
    names.flatMap((a, i) => names.slice(i + 1).map((b) => `${a} ${point[a]} ${b} ${point[b]}`))
  const left = new Set(all.flatMap(pairsOf))
  const chosen: Record<string, number>[] = []
  while (left.size > 0) {
    const gain = (point: Record<string, number>) => pairsOf(point).filter((pair) => left.has(pair)).length
    const gains = all.map(gain)
    const best = all[gains.indexOf(Math.max(...gains))]
    for (const pair of pairsOf(best)) left.delete(pair)
    chosen.push(best)
  }
  return chosen
}
