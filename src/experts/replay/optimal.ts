import type { Policy, PoolUse } from './pool-trace.js'

/** Number of the use that comes next; `uses.length` for never. */
function nextUses(uses: readonly PoolUse[], experts: number): Int32Array[] {
  const coming = new Int32Array(experts).fill(uses.length)
  const next: Int32Array[] = new Array(uses.length)
  for (let i = uses.length - 1; i >= 0; i--) {
    next[i] = uses[i].experts.map((expert) => coming[expert])
    for (const expert of uses[i].experts) coming[expert] = i
  }
  return next
}

/**
 * Belady's policy, which knows the future: the expert whose next use is the furthest away makes room. No policy that
 * reads experts when they are needed has fewer misses.
 */
export const optimal: Policy = ({ experts, uses }, capacity) => {
  const next = nextUses(uses, experts)
  const until = new Int32Array(experts).fill(-1)
  const candidates = new Candidates()
  let size = 0
  return Int32Array.from(uses, ({ experts: used }, i) => {
    let misses = 0
    for (const expert of used) {
      if (until[expert] < 0) misses++
      // In use now: no candidate.
      until[expert] = i
    }
    size += misses
    while (size > capacity) {
      const { expert, use } = candidates.pop()
      if (until[expert] !== use) continue
      until[expert] = -1
      size--
    }
    for (const [j, expert] of used.entries()) {
      until[expert] = next[i][j]
      candidates.push({ expert, use: next[i][j] })
    }
    return misses
  })
}

/** An expert in memory and the number of its next use, which is out of date once that use has been. */
interface Candidate {
  expert: number
  use: number
}

/** A heap with the furthest next use on top. */
class Candidates {
  private readonly heap: Candidate[] = []

  push(candidate: Candidate): void {
    const { heap } = this
    let at = heap.push(candidate) - 1
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (heap[parent].use >= candidate.use) break
      heap[at] = heap[parent]
      at = parent
    }
    heap[at] = candidate
  }

  pop(): Candidate {
    const { heap } = this
    const top = heap[0]
    const last = heap.pop()
    if (last === undefined) throw new RangeError('there are fewer experts in memory than counted')
    if (heap.length === 0) return top
    let at = 0
    for (let child = 1; child < heap.length; child = 2 * at + 1) {
      if (child + 1 < heap.length && heap[child + 1].use > heap[child].use) child++
      if (heap[child].use <= last.use) break
      heap[at] = heap[child]
      at = child
    }
    heap[at] = last
    return top
  }
}
