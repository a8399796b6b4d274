import { type Candidates, weigh } from './candidates.js'

/**
 * Keeps the nucleus: the fewest tokens, most probable first (lower ids first among equals), that together reach p (0
 * ... 1) of the candidates' probability. At least one token stays; from p = 1 on, all do.
 *
 * This is quickselect by probability mass: it splits the tokens at one of them and continues in the part with the
 * border. It takes linear time on average for any distribution; sorting the vocabulary would cost ten times more.
 */
export function keepTopP(candidates: Candidates, p: number): void {
  if (p >= 1 || candidates.count === 0) return
  const { weights } = candidates
  const total = weigh(candidates, 1)
  // Tokens that weigh less than (1 - p) times the mean have less than 1 - p all together, so the others reach p without
  // them. This drops most of a vocabulary.
  const least = ((1 - p) / candidates.count) * total
  candidates.keep((at) => weights[at] >= least)
  let missing = p * total
  // Binary search. The nucleus has the tokens before `low`, whose mass is subtracted already, and none from `high` on.
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
 * Reorders the places low ... high-1 around one of them: all before it rank before it, all after it rank after it.
 * Returns its new place. The pivot is the median of three, so that sorted tokens cost no more than others.
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
