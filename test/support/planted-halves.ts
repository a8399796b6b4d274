import { seededRandom } from '#molm/engine/sampling/random.js'
import { ExpertUsage } from '#molm/insight/usage/usage.js'
import { Half, type ReadHalves, type TextKind } from '#molm/lab/atlas/atlas-halves.js'
import { mixture, reader } from './routed-text.js'

const DIGITS = ['0', ' 1', '2', ' 3', '4', ' 5', '6', '7', '8', '9']
const JOINING = [' the', 'of', ' and', ' to', ' in', ' with']
const NAMES = [' cat', ' dog', ' sun', ' sea', ' boat', ' tree', ' house', ' king', ' light', ' storm']

/** A model of one layer with ten experts, two for a token, and two kinds of text. */
export const PLANTED = reader([mixture('mlp', [10], 2)], [...DIGITS, ...JOINING, ...NAMES])
export const PLANTED_KINDS: TextKind[] = [
  { name: 'prose', texts: [] },
  { name: 'code', texts: [] },
]

/**
 * Halves with known preferences: expert 0 takes digits, 1 joining words, 2 other code and 3 other prose. The
 * second expert of a token is one of 4 to 7 at random, but 8 for ` cat` in the first half alone and 9 for ` dog` in the
 * second. With `isRandom` both experts are random.
 */
export function plantedHalves(tokens: number, isRandom = false): ReadHalves {
  const random = seededRandom(20)
  const below = (count: number) => Math.floor(random.nextFloat() * count)
  const words = DIGITS.length + JOINING.length + NAMES.length
  const [first, second] = [new Half(), new Half()]
  const usages = PLANTED_KINDS.map(() => new ExpertUsage(PLANTED.config))
  for (const [h, half] of [first, second].entries()) {
    for (const kind of PLANTED_KINDS.keys()) {
      const block = Array.from({ length: tokens / 4 }, () => below(words))
      const ids = block.flatMap((token) => {
        if (isRandom) return [below(5), 5 + below(5)]
        const word = PLANTED.textOf(token)
        const own = DIGITS.includes(word) ? 0 : JOINING.includes(word) ? 1 : kind === 1 ? 2 : 3
        const other = h === 0 && word === ' cat' ? 8 : h === 1 && word === ' dog' ? 9 : 4 + below(4)
        return [own, other]
      })
      const routes = [{ mlp: { ids: Int32Array.from(ids), gates: new Float32Array(ids.length).fill(0.5) } }]
      half.add(kind, block, routes)
      usages[kind].add(routes, block.length)
    }
  }
  return { first, second, usages }
}
