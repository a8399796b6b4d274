import type { Candidates } from './candidates.js'
import { weigh } from './temperature.js'

/**
 * Keeps the nucleus: the fewest tokens, most probable first (lower ids first among equals), whose probabilities
 * together reach p (0 ... 1) of all that the candidates hold. At least one token stays; from p = 1 on, all do.
 *
 * Quickselect by probability mass: split the tokens at one of them and go on in the part where the border lies. Linear
 * on average whatever the shape of the distribution, where sorting the vocabulary would cost ten times more.
 */
export function keepTopP(candidates: Candidates, p: number): void {
  if (p >= 1 || candidates.count === 0) return
  const { weights } = candidates
  const total = weigh(candidates, 1)
  dropBelow(candidates, ((1 - p) / candidates.count) * total)
  let missing = p * total
  // Tokens before `low` are in the nucleus and have been taken off `missing`; those from `high` on are not in it.
  let low = 0
  let high = candidates.count
  while (high - low > 1) {
    const pivot = partition(candidates, low, high)
    let massBefore = 0
    for (let at = low; at < pivot; at++) massBefore += weights[at]
    if (massBefore >= missing) {
      high = pivot
    } else if (massBefore + weights[pivot] >= missing) {
      low = pivot
      high = pivot + 1
    } else {
      missing -= massBefore + weights[pivot]
      low = pivot + 1
    }
  }
  candidates.count = Math.max(high, 1)
}

/**
 * Drops the tokens that weigh less than `least`. At a (1 - p)th of the mean weight none of them can be in the nucleus:
 * all together they hold less than 1 - p, so the others reach p without them. Most of a vocabulary goes this way.
 */
function dropBelow(candidates: Candidates, least: number): void {
  const { ids, logits, weights } = candidates
  let kept = 0
  for (let at = 0; at < candidates.count; at++) {
    if (weights[at] < least) continue
    ids[kept] = ids[at]
    logits[kept] = logits[at]
    weights[kept] = weights[at]
    kept++
  }
  candidates.count = kept
}

/**
 * Reorders the places low ... high-1 around one of them, so that all before it rank before it and all after it after
 * it, and returns its new place. The pivot is the median of three: tokens in falling or rising order cost nothing extra.
 */
function partition(candidates: Candidates, low: number, high: number): number {
  const middle = (low + high) >>> 1
  if (candidates.ranksBefore(middle, low)) candidates.swap(middle, low)
  if (candidates.ranksBefore(high - 1, low)) candidates.swap(high - 1, low)
  if (candidates.ranksBefore(high - 1, middle)) candidates.swap(high - 1, middle)
  candidates.swap(low, middle)

  let left = low + 1
  let right = high - 1
  for (;;) {
    while (left <= right && candidates.ranksBefore(left, low)) left++
    while (left <= right && candidates.ranksBefore(low, right)) right--
    if (left > right) break
    candidates.swap(left++, right--)
  }
  candidates.swap(low, right)
  return right
}
