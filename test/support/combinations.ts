import { STRENGTH } from '../runner/lanes.js'

type Axes = Record<string, readonly unknown[]>
type Point<A extends Axes> = { [K in keyof A]: A[K][number] }

/** Number of axes whose values all meet each other. Most faults need two values to meet, and few more than three. */
const DEFAULT_STRENGTH = Number(process.env[STRENGTH] ?? 2)

/**
 * Combinations of the values of axes, as few as it takes for any `strength` values of different axes to meet: two, three
 * in the lane all, and all values in the lane matrix.
 */
export function combinations<A extends Axes>(axes: A, strength = DEFAULT_STRENGTH): Point<A>[] {
  const names = Object.keys(axes)
  let all: Record<string, number>[] = [{}]
  for (const name of names) all = all.flatMap((point) => axes[name].map((_, i) => ({ ...point, [name]: i })))
  const chosen = strength < names.length ? covering(all, names, strength) : all
  return chosen.map((point) => Object.fromEntries(names.map((name) => [name, axes[name][point[name]]])) as Point<A>)
}

/** Tuples of numbers, written as 8x32. */
export const tuples = (text: string): number[][] => text.split(' ').map((tuple) => tuple.split('x').map(Number))

/** Takes the point with the most new meetings until no meeting is left. */
function covering(all: Record<string, number>[], names: string[], strength: number): Record<string, number>[] {
  const groups = groupsOf(names, strength)
  const numbers = new Map<string, number>()
  const numberOf = (meeting: string) => {
    const number = numbers.get(meeting) ?? numbers.size
    numbers.set(meeting, number)
    return number
  }
  const meetings = all.map((point) => groups.map((group) => numberOf(group.map((a) => `${a} ${point[a]}`).join(' '))))
  const isMet = new Uint8Array(numbers.size)
  const chosen: Record<string, number>[] = []
  for (let left = numbers.size; left > 0; ) {
    let [best, most] = [0, 0]
    for (const [i, own] of meetings.entries()) {
      let gain = 0
      for (const meeting of own) gain += 1 - isMet[meeting]
      if (gain > most) [best, most] = [i, gain]
    }
    for (const meeting of meetings[best]) isMet[meeting] = 1
    left -= most
    chosen.push(all[best])
  }
  return chosen
}

/** All groups of `size` names. */
function groupsOf(names: readonly string[], size: number): string[][] {
  if (size === 0) return [[]]
  return names.flatMap((name, i) => groupsOf(names.slice(i + 1), size - 1).map((rest) => [name, ...rest]))
}
